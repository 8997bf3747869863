package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// digest stands for a value: equal digests of the same path and key mean equal values.
type digest [sha256.Size]byte

// digest hashes a value with the process's key. Path and key go in as well, so that equal values in different places
// cannot be told from the digests. Numbers are equal if they are the same number, however they are written.
func (c *Client) digest(rel, key string, held any) (digest, error) {
	text, err := json.Marshal(plain(held)) // sorts the keys of what is nested
	if err != nil {
		return digest{}, fmt.Errorf("hash key %q of %s: the value is no JSON", key, rel)
	}
	mac := hmac.New(sha256.New, c.hashKey)
	for _, part := range [][]byte{[]byte(rel), []byte(key), text} {
		fmt.Fprintf(mac, "%d:", len(part))
		mac.Write(part)
	}
	return digest(mac.Sum(nil)), nil
}

// digests hashes every value of a secret.
func (c *Client) digests(rel string, data map[string]any) (map[string]digest, error) {
	out := make(map[string]digest, len(data))
	for key, held := range data {
		d, err := c.digest(rel, key, held)
		if err != nil {
			return nil, err
		}
		out[key] = d
	}
	return out, nil
}
