package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"cutover/reconciler/contract/labtest"
)

// awsRegion is the region of the lab's AWS. IAM and Route 53 have none, but their clients ask for one.
const awsRegion = "eu-central-1"

// moto finds moto's server on this machine, or installs the version of hack/lab/moto into a virtual environment in the
// cache. Moto is Python, so there is nothing to build.
func (b builder) moto(ctx context.Context) (binary, error) {
	if path, ok := find("moto_server"); ok {
		return binary{path: path, found: true}, nil
	}
	requirements := filepath.Join(b.modules, "moto", "requirements.txt")
	key, err := motoKey(ctx, requirements)
	if err != nil {
		return binary{}, fmt.Errorf("install moto: %w", err)
	}
	path := filepath.Join(b.cache, "moto-"+key)
	// By its module and not by the command that pip makes: that one has the path of the temporary directory in it.
	installed := binary{path: filepath.Join(path, "bin", "python"), args: []string{"-m", "moto.server"}}
	if exists(path) {
		return installed, nil
	}
	if err := os.MkdirAll(b.cache, 0o750); err != nil {
		return binary{}, fmt.Errorf("install moto: %w", err)
	}
	b.progress("moto", Building)
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return binary{}, fmt.Errorf("install moto: wait for another process that installs it: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	if !exists(path) { // the process that held the lock may have installed it
		if err := b.installMoto(ctx, requirements, path); err != nil {
			return binary{}, fmt.Errorf("install moto: %w", err)
		}
	}
	b.progress("moto", Built)
	return installed, nil
}

// installMoto makes the virtual environment at path, whole or not at all.
func (b builder) installMoto(ctx context.Context, requirements, path string) error {
	temp := path + ".tmp"
	if err := os.RemoveAll(temp); err != nil { // of a process that was killed
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone when all went well
	for _, argv := range [][]string{
		{"python3", "-m", "venv", temp},
		{filepath.Join(temp, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements},
	} {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := b.run(cmd); err != nil {
			return fmt.Errorf("%s %s %s: %w: %s", filepath.Base(argv[0]), argv[1], argv[2], err, lastLines(said.Bytes()))
		}
	}
	return os.Rename(temp, path)
}

// motoKey identifies all that the installation depends on: the required versions and the Python that will run them.
func motoKey(ctx context.Context, requirements string) (string, error) {
	python, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.version, sys.base_prefix)").Output()
	if err != nil {
		return "", fmt.Errorf("python3: %w; the lab's AWS is written in Python, which must be in PATH", err)
	}
	text, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%q%q", python, text)
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// startMoto starts moto, with an account of this lab only.
func (l *Lab) startMoto(ctx context.Context) (labtest.AWS, error) {
	number, err := rand.Int(rand.Reader, big.NewInt(1e12))
	if err != nil {
		return labtest.AWS{}, fmt.Errorf("start moto: %w", err)
	}
	access := labtest.AWS{
		Region:          awsRegion,
		Account:         fmt.Sprintf("%012d", number),
		AccessKeyID:     "lab",
		SecretAccessKey: rand.Text(),
	}
	ports, err := l.serve(ctx, server{
		name:  "moto",
		tier:  1,
		ports: 1,
		command: func(ctx context.Context, ports []string) *exec.Cmd {
			cmd := l.command(ctx, "moto_server", "-H", "127.0.0.1", "-p", ports[0])
			cmd.Env = append(cmd.Environ(), "MOTO_ACCOUNT_ID="+access.Account)
			return cmd
		},
		ready: func(ctx context.Context, ports []string) error {
			// The credential's scope says which service is meant. Nobody checks the signature.
			const scope = "AWS4-HMAC-SHA256 Credential=lab/20200101/" + awsRegion + "/sts/aws4_request"
			return mentions(ctx, "http://127.0.0.1:"+ports[0]+"/?Action=GetCallerIdentity&Version=2011-06-15", scope, access.Account)
		},
	})
	if err != nil {
		return labtest.AWS{}, err
	}
	access.URL = "http://127.0.0.1:" + ports[0]
	return access, nil
}
