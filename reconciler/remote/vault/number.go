package vault

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cutover/reconciler/failure"
)

// plain is a value with each of its numbers written in the one way that all spellings of it share.
func plain(held any) any {
	switch v := held.(type) {
	case json.Number:
		return plainNumber(v)
	case float64:
		return plainNumber(json.Number(strconv.FormatFloat(v, 'g', -1, 64)))
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[key] = plain(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = plain(inner)
		}
		return out
	}
	return held
}

// plainNumber writes 1.0, 10e-1 and 1 as 1e0, and 1000000 and 1E+6 as 1e6. It loses no digit, as a float would.
func plainNumber(n json.Number) json.Number {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n.String()), "e")
	unsigned := strings.TrimPrefix(mantissa, "-")
	sign := mantissa[:len(mantissa)-len(unsigned)]
	whole, fraction, _ := strings.Cut(unsigned, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	power, err := strconv.ParseInt(cmp.Or(exponent, "0"), 10, 64)
	if err != nil {
		return n // beyond all that anybody means
	}
	power += int64(len(digits) - len(short) - len(fraction))
	return json.Number(sign + short + "e" + strconv.FormatInt(power, 10))
}

// storable refuses values that version 2 of the engine would give back as others: the copy would differ for ever.
func (c *Client) storable(r root, rel string, want map[string]any) error {
	wanted, err := c.digests(rel, want)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if read, err := reread(want[key]); err == nil {
			got, err := c.digest(rel, key, read)
			if err != nil {
				return err
			}
			if got == wanted[key] {
				continue
			}
		}
		return fmt.Errorf("write %s: %w: key %q holds a number of more digits than version 2 of the secrets engine gives back, about 15: make it a text in the original",
			r.data(rel), failure.ErrRefused, key)
	}
	return nil
}

// reread is a value as version 2 gives it back: it keeps the JSON, and reads numbers as floating point
// (vault-plugin-secrets-kv, pathDataRead). It fails for a number out of range, and its error has the number in it.
func reread(held any) (read any, err error) {
	text, err := json.Marshal(held)
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	return read, err
}
