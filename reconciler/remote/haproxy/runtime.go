package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"cutover/reconciler/failure"
)

// maxAnswer bounds an answer: a backend of a thousand servers needs less.
const maxAnswer = 1 << 20

// numbered has HAProxy put the severity before each message, as in "[3]: No such server."
const numbered = "set severity-output number"

// message is a line that HAProxy says to people; what it says when all is well has none.
var message = regexp.MustCompile(`(?m)^\[[0-7]\]: *(.*)$`)

// run gives a proxy commands over one connection, so that one process obeys them all, and returns what they print. Its
// failures are those of package failure: ErrTransient if the commands may have been obeyed.
func run(ctx context.Context, address string, timeout time.Duration, commands ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := exchange(ctx, address, numbered+";"+strings.Join(commands, ";")+"\n")
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer from %s: %w", address, ctx.Err()) // and not the connection's "i/o timeout"
		}
		return "", fmt.Errorf("%w: %w", failure.ErrTransient, err)
	}
	if said := message.FindStringSubmatch(answer); said != nil {
		return "", complaint(said[1])
	}
	return answer, nil
}

// exchange sends text and reads the answer to its end.
func exchange(ctx context.Context, address, text string) (_ string, err error) {
	network := "tcp"
	if isPath(address) {
		network = "unix"
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	// The end of the context ends reads and writes that wait.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(io.LimitReader(conn, maxAnswer))
	if err != nil {
		return "", err
	}
	// Each command's answer ends with an empty line; the first command has no answer but that.
	if len(answer) == 0 || answer[0] != '\n' || answer[len(answer)-1] != '\n' || len(answer) == maxAnswer {
		return "", errors.New("the answer is not HAProxy's, or it broke off")
	}
	return string(answer[1:]), nil
}

// complaint translates what HAProxy says when it does not obey.
func complaint(said string) error {
	kind := failure.ErrRefused
	if lower := strings.ToLower(said); strings.HasPrefix(lower, "no such ") {
		kind = failure.ErrNotFound
	} else if strings.HasPrefix(lower, "permission denied") {
		said = "permission denied: the stats socket is not of level admin"
	}
	return fmt.Errorf("%w: %s", kind, strings.TrimSuffix(said, "."))
}

// isPath tells the path of a Unix socket from HOST:PORT.
func isPath(address string) bool { return strings.Contains(address, "/") }
