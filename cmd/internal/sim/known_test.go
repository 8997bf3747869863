package main

// known are how many runs it took to find the rarer mistakes, so that the search for each begins there. Runs change with the
// program: then the search goes on from there, through all of the others.
var known = map[string]uint64{
	"nobody looks whom roles no longer let in":         68,
	"a test has passed once it has begun":              74,
	"services need not be ready before a weight rises": 50,
	"errors of the new cluster are not seen":           149,
	"a pause is not seen":                              21,
	"break-glass counts without a review":              16,
	"one strange proxy hides the others":               172,
	"what is lowered is put back if one proxy refuses": 67,
}
