package registry

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/content"
)

// blobs are files on disk that are named after their digest, as in an OCI image layout.
type blobs struct{ dir string }

func (b blobs) file(d digest.Digest) string {
	return filepath.Join(b.dir, d.Algorithm().String(), d.Encoded())
}

// get returns the content of a digest, or false if it is not there or has another digest by now: then it has to be
// put again.
func (b blobs) get(d digest.Digest) ([]byte, bool) {
	if d.Validate() != nil {
		return nil, false // it would not be a safe name of a file either
	}
	data, err := os.ReadFile(b.file(d))
	return data, err == nil && d.Algorithm().FromBytes(data) == d
}

// put keeps the content of a digest. Readers see all of it or none. It fails with content.ErrMismatchedDigest if
// the content is another's.
func (b blobs) put(d digest.Digest, data []byte) (err error) {
	if err := d.Validate(); err != nil {
		return err
	}
	if d.Algorithm().FromBytes(data) != d {
		return content.ErrMismatchedDigest
	}
	dir := filepath.Dir(b.file(d))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, "put-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), b.file(d))
}
