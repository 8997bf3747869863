package lab

import (
	"fmt"
	"os"
	"syscall"
)

// reservation keeps a port for a server that is started again and again on it: while the server is down nobody answers
// there, and nobody else gets the port. The server must listen with SO_REUSEPORT, as HAProxy does.
type reservation struct {
	port   int
	socket int
}

// reservePort takes a free port of the loopback interface.
func reservePort() (r reservation, err error) {
	defer func() { err = os.NewSyscallError("reserve a port", err) }()
	syscall.ForkLock.RLock()
	r.socket, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(r.socket)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			_ = r.release()
		}
	}()
	if err = syscall.SetsockoptInt(r.socket, syscall.SOL_SOCKET, reusePort, 1); err != nil {
		return r, err
	}
	if err = syscall.Bind(r.socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return r, err
	}
	address, err := syscall.Getsockname(r.socket)
	if err != nil {
		return r, err
	}
	r.port = address.(*syscall.SockaddrInet4).Port
	return r, nil
}

func (r reservation) address() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

func (r reservation) release() error { return syscall.Close(r.socket) }
