package estate

import "fmt"

// Class says what must always hold while a service moves (runbook, "Four classes of service").
type Class int

const (
	// Stateless (A): any number of copies, anywhere.
	Stateless Class = iota + 1
	// StatefulClient (B): stateless itself, but all copies that get traffic must talk to the same singleton.
	StatefulClient
	// Singleton (C): state in memory; exactly one instance receives requests at any time.
	Singleton
	// Exclusive (D): never a running Pod in both clusters.
	Exclusive
)

var classNames = map[Class]string{
	Stateless:      "stateless",
	StatefulClient: "stateful-client",
	Singleton:      "singleton",
	Exclusive:      "exclusive",
}

// ParseClass returns the class that s names, or an error that lists the four.
func ParseClass(s string) (Class, error) {
	for class, name := range classNames {
		if name == s {
			return class, nil
		}
	}
	return 0, fmt.Errorf("unknown class %q: use stateless, stateful-client, singleton or exclusive", s)
}

func (c Class) String() string               { return classNames[c] }
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
