package lab

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// ownerEnv makes the test binary the owner of a lab of its own, so that a test can kill it.
const ownerEnv = "CUTOVER_TEST_OWN_A_LAB"

// TestMain runs the tests, or plays the owner: it prints the path of its lab's description and lives until the end of its
// standard input.
func TestMain(m *testing.M) {
	if os.Getenv(ownerEnv) == "" {
		os.Exit(m.Run())
	}
	code, err := Exec(context.Background(), Options{}, []string{"sh", "-c", `echo "$CUTOVER_LAB"; cat >/dev/null; exit 7`})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}
