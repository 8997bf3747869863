// Package load is users: it sends HTTP requests through the edge all the time and counts what becomes of them, for the
// demo and for tests that must show that nobody noticed.
//
//	source, err := load.Start(ctx, load.Config{Targets: []string{frontend}, Concurrency: 8, Rate: 500})
//	...
//	source.Stop()
//	fmt.Println(source.Snapshot())
//
// A request fails if it gets no whole answer, or one with a status of 500 or above. Nothing is sent twice, but for what
// net/http repeats by itself: a request on a connection that was idle and that the server closed, as every HTTP client
// does.
package load
