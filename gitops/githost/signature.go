package githost

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// githubSigned checks X-Hub-Signature-256, "sha256=" and the HMAC in hex. The older X-Hub-Signature is SHA-1 and not
// taken.
func githubSigned(secret []byte, header http.Header, body []byte) bool {
	signature, ok := strings.CutPrefix(header.Get("X-Hub-Signature-256"), "sha256=")
	return ok && signed(secret, body, signature)
}

// giteaSigned checks X-Gitea-Signature, the HMAC in hex; or, where only that one passes a proxy, GitHub's.
func giteaSigned(secret []byte, header http.Header, body []byte) bool {
	if signature := header.Get("X-Gitea-Signature"); signature != "" {
		return signed(secret, body, signature)
	}
	return githubSigned(secret, header, body)
}

// gitlabToken compares X-Gitlab-Token with the secret, which GitLab sends as it is. The hashes are compared so that
// not even the secret's length shows in the time that it takes.
func gitlabToken(secret []byte, header http.Header, _ []byte) bool {
	got, want := sha256.Sum256([]byte(header.Get("X-Gitlab-Token"))), sha256.Sum256(secret)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

func signed(secret, body []byte, signature string) bool {
	got, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}
