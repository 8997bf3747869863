package repo

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
)

// headPrefix is where a remote keeps its branches. Tags and pull requests are not fetched.
const headPrefix = "refs/heads/"

// remote is the other side. It works with go-git's transports and not with its Remote, which swallows an error of a
// damaged clone while it computes what to fetch, walks the whole history before each push, and tells a lost lease by
// the text of an error only.
type remote struct {
	transport transport.Transport
	endpoint  *transport.Endpoint
	auth      transport.AuthMethod
	timeout   time.Duration
	url       string
	secrets   []string
}

func newRemote(config Config) (*remote, error) {
	endpoint, err := config.endpoint()
	if err != nil {
		return nil, refused("%v", err)
	}
	r := &remote{endpoint: endpoint, timeout: config.timeout(), url: config.URL, secrets: config.Auth.secrets()}
	if endpoint.Protocol == "ssh" {
		r.transport = gitssh.NewClient(nil)
		r.auth, err = sshAuth(endpoint, config)
		endpoint.Proxy.URL = dialWithin(r.timeout)
	} else {
		r.transport, err = httpTransport(config.CACert)
		if config.Auth.Token != "" {
			r.auth = &githttp.BasicAuth{Username: config.Auth.username(), Password: config.Auth.Token}
		}
	}
	if err != nil {
		return nil, refused("%v", err)
	}
	return r, nil
}

func httpTransport(caCert []byte) (transport.Transport, error) {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		base = new(http.Transport)
	}
	base = base.Clone()
	if len(caCert) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(caCert) {
			return nil, errors.New("the CA certificate is not PEM")
		}
		base.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return githttp.NewClient(&http.Client{Transport: base}), nil
}

// download is one exchange with the remote: first its branches, then, if wanted, objects.
type download struct {
	session      transport.UploadPackSession
	capabilities *capability.List
	heads        map[string]plumbing.Hash
}

// open asks the remote for its branches. The caller closes the download, whose context it bounds by the timeout.
func (r *remote) open(ctx context.Context) (*download, error) {
	session, err := r.transport.NewUploadPackSession(r.endpoint, r.auth)
	if err != nil {
		return nil, err
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return &download{session: session}, nil
	}
	if err != nil {
		session.Close()
		return nil, err
	}
	return &download{session: session, capabilities: refs.Capabilities, heads: branches(refs)}, nil
}

func branches(refs *packp.AdvRefs) map[string]plumbing.Hash {
	heads := make(map[string]plumbing.Hash)
	for name, hash := range refs.References {
		if branch, ok := strings.CutPrefix(name, headPrefix); ok {
			heads[branch] = hash
		}
	}
	return heads
}

// objects writes a pack to w: everything reachable from wants and not from haves.
func (d *download) objects(ctx context.Context, w io.Writer, wants, haves []plumbing.Hash) (err error) {
	request := packp.NewUploadPackRequestFromCapabilities(d.capabilities)
	if d.capabilities.Supports(capability.NoProgress) {
		if err := request.Capabilities.Set(capability.NoProgress); err != nil {
			return err
		}
	}
	request.Wants, request.Haves = wants, haves
	response, err := d.session.UploadPack(ctx, request)
	if err != nil {
		return err
	}
	defer response.Close()
	var pack io.Reader = response
	switch {
	case request.Capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, response)
	case request.Capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, response)
	}
	_, err = io.Copy(w, pack)
	return err
}

func (d *download) close() { d.session.Close() }

// errMoved: the branch is not where the push expects it. Nothing was pushed.
var errMoved = errors.New("the branch moved")

// errRejected: the remote understood the push and did not do it. The text of the error says why.
var errRejected = errors.New("push rejected")

// push moves a branch in one step that the remote does or does not do; a zero from means that the branch must not
// exist, and a zero to deletes it. The pack holds what the remote needs for to besides what its branches have.
func (r *remote) push(ctx context.Context, branch string, from, to plumbing.Hash, pack []byte) error {
	session, err := r.transport.NewReceivePackSession(r.endpoint, r.auth)
	if err != nil {
		return err
	}
	defer session.Close()
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return err
	}
	ref := plumbing.NewBranchReferenceName(branch)
	if refs.References[ref.String()] != from {
		return errMoved
	}
	request := packp.NewReferenceUpdateRequestFromCapabilities(refs.Capabilities)
	var said bytes.Buffer // by hooks, such as a protected branch's; the side band is the only place for it
	if refs.Capabilities.Supports(capability.Sideband64k) {
		request.Progress = &said
		if err := request.Capabilities.Set(capability.Sideband64k); err != nil {
			return err
		}
	}
	request.Commands = []*packp.Command{{Name: ref, Old: from, New: to}}
	if !to.IsZero() { // for a deletion the server expects none
		request.Packfile = io.NopCloser(bytes.NewReader(pack))
	}
	report, err := session.ReceivePack(ctx, request)
	switch {
	case report != nil && report.Error() != nil:
		return &rejection{report.Error().Error() + " " + said.String()}
	case err != nil:
		return err
	case report == nil: // go-git takes an empty answer for success
		return io.ErrUnexpectedEOF
	}
	return nil
}

type rejection struct{ reason string }

func (e *rejection) Error() string        { return strings.Join(strings.Fields(e.reason), " ") }
func (e *rejection) Is(target error) bool { return target == errRejected }
