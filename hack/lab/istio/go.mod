module lab/istio

go 1.26

// Only the generated CustomResourceDefinitions of this module are used; nothing is built.
require istio.io/api v1.31.1
