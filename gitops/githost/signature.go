package githost

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// authentication is how a product proves that a webhook comes from somebody who knows the secret.
type authentication struct {
	// claimed looks at the header alone: whether there is something to check the body against.
	claimed func(secret []byte, header http.Header) bool
	proven  func(secret []byte, header http.Header, body []byte) bool
}

var (
	githubSignature    = byHMAC(githubHMAC)
	giteaSignature     = byHMAC(giteaHMAC)
	bitbucketSignature = byHMAC(bitbucketHMAC)
	// gitlabToken needs no body: GitLab sends the secret as it is.
	gitlabToken = authentication{
		claimed: knownToken,
		proven:  func(secret []byte, header http.Header, _ []byte) bool { return knownToken(secret, header) },
	}
)

// byHMAC checks the HMAC of the body that find reads from the header, nil if there is none.
func byHMAC(find func(http.Header) []byte) authentication {
	return authentication{
		claimed: func(_ []byte, header http.Header) bool { return len(find(header)) == sha256.Size },
		proven: func(secret []byte, header http.Header, body []byte) bool {
			mac := hmac.New(sha256.New, secret)
			mac.Write(body)
			return hmac.Equal(find(header), mac.Sum(nil))
		},
	}
}

// githubHMAC reads X-Hub-Signature-256, "sha256=" and the HMAC in hex. The older X-Hub-Signature is SHA-1 and not taken.
func githubHMAC(header http.Header) []byte { return prefixed(header.Get("X-Hub-Signature-256")) }

// giteaHMAC reads X-Gitea-Signature, the HMAC in hex; or, where only that one passes a proxy, GitHub's.
func giteaHMAC(header http.Header) []byte {
	if signature := header.Get("X-Gitea-Signature"); signature != "" {
		return decoded(signature)
	}
	return githubHMAC(header)
}

// bitbucketHMAC reads X-Hub-Signature, which names SHA-256 in Bitbucket Cloud and Server alike.
func bitbucketHMAC(header http.Header) []byte { return prefixed(header.Get("X-Hub-Signature")) }

func prefixed(signature string) []byte {
	signature, ok := strings.CutPrefix(signature, "sha256=")
	if !ok {
		return nil
	}
	return decoded(signature)
}

func decoded(signature string) []byte {
	if len(signature) != hex.EncodedLen(sha256.Size) {
		return nil
	}
	mac, err := hex.DecodeString(signature)
	if err != nil {
		return nil
	}
	return mac
}

// knownToken compares X-Gitlab-Token with the secret. The hashes are compared so that not even the secret's length shows
// in the time that it takes.
func knownToken(secret []byte, header http.Header) bool {
	got, want := sha256.Sum256([]byte(header.Get("X-Gitlab-Token"))), sha256.Sum256(secret)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
