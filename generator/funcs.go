package generator

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

const (
	maxOutput = 1 << 20 // of a pipeline, and of any text on the way there; bytes
	maxList   = 10_000  // elements of a list that a function makes from a number
	maxSteps  = 200_000 // template nodes executed for one pipeline
)

// impure are the functions of sprig that give another answer at another time or place, or that make keys. The rest
// makes the same pipeline of the same estate.
var impure = []string{
	"env", "expandenv", "getHostByName", "hello", "shuffle", "uuidv4",
	"ago", "date", "date_in_zone", "date_modify", "dateInZone", "dateModify", "durationRound", "htmlDate", "htmlDateInZone",
	"must_date_modify", "mustDateModify", "mustToDate", "now", "toDate", "unixEpoch",
	"osBase", "osClean", "osDir", "osExt", "osIsAbs",
	"randAlpha", "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric",
	"bcrypt", "buildCustomCert", "decryptAES", "derivePassword", "encryptAES", "genCA", "genCAWithKey", "genPrivateKey",
	"genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "htpasswd",
}

// functions are what a template may call, apart from pipelineID, which is its own for each service. A template is
// somebody's text in a repository: a mistake in it must not exhaust the daemon's memory.
func functions() template.FuncMap {
	funcs := sprig.TxtFuncMap()
	for _, name := range impure {
		delete(funcs, name)
	}
	maps.Copy(funcs, template.FuncMap{
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln, // so that they are bounded, too
		"repeat":    repeat,
		"indent":    indent,
		"nindent":   func(spaces int, text string) (string, error) { s, err := indent(spaces, text); return "\n" + s, err },
		"replace":   replace,
		"until":     func(n int) ([]int, error) { return untilStep(0, n, sign(n)) },
		"untilStep": untilStep,
		"seq":       seq,
		"keys":      sortedKeys,
		"values":    sortedValues,
	})
	for name, f := range funcs {
		funcs[name] = bounded(name, f)
	}
	return funcs
}

// bounded returns f with an error in place of a text that is too long.
func bounded(name string, f any) any {
	of := reflect.ValueOf(f)
	typ := of.Type()
	var in []reflect.Type
	for i := range typ.NumIn() {
		in = append(in, typ.In(i))
	}
	out := []reflect.Type{typ.Out(0), reflect.TypeFor[error]()}
	wrapped := reflect.MakeFunc(reflect.FuncOf(in, out, typ.IsVariadic()), func(args []reflect.Value) []reflect.Value {
		call := of.Call
		if typ.IsVariadic() {
			call = of.CallSlice
		}
		results := call(args)
		if text, ok := results[0].Interface().(string); ok && len(text) > maxOutput {
			return []reflect.Value{reflect.Zero(out[0]), reflect.ValueOf(tooLong(name))}
		}
		if len(results) == 1 {
			results = append(results, reflect.Zero(out[1]))
		}
		return results
	})
	return wrapped.Interface()
}

func tooLong(name string) error {
	return fmt.Errorf("%s makes a text longer than %d bytes", name, maxOutput)
}

func repeat(count int, text string) (string, error) {
	if count < 0 || len(text) > 0 && count > maxOutput/len(text) {
		return "", tooLong("repeat")
	}
	return strings.Repeat(text, count), nil
}

func indent(spaces int, text string) (string, error) {
	if spaces < 0 || spaces > maxOutput || spaces*(1+strings.Count(text, "\n")) > maxOutput {
		return "", tooLong("indent")
	}
	pad := strings.Repeat(" ", spaces)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad), nil
}

func replace(old, with, text string) (string, error) {
	if n := strings.Count(text, old); n > 0 && len(with) > maxOutput/n {
		return "", tooLong("replace")
	}
	return strings.ReplaceAll(text, old, with), nil
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

func untilStep(start, stop, step int) ([]int, error) {
	var list []int
	if step == 0 {
		return list, nil
	}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(list) == maxList {
			return nil, fmt.Errorf("a list of more than %d numbers", maxList)
		}
		list = append(list, i)
	}
	return list, nil
}

// seq works like the command of that name: seq last, seq first last, seq first step last.
func seq(bounds ...int) (string, error) {
	first, step, last := 1, 0, 0
	switch len(bounds) {
	case 1:
		last = bounds[0]
	case 2:
		first, last = bounds[0], bounds[1]
	case 3:
		first, step, last = bounds[0], bounds[1], bounds[2]
	default:
		return "", nil
	}
	if step == 0 {
		step = sign(last - first)
	}
	list, err := untilStep(first, last+sign(step), step)
	return strings.Trim(fmt.Sprint(list), "[]"), err
}

// sortedKeys returns the keys of all dicts, sorted in each: sprig's keys gives them in the map's order, which is
// another one each time.
func sortedKeys(dicts ...map[string]any) []string {
	var keys []string
	for _, dict := range dicts {
		keys = append(keys, slices.Sorted(maps.Keys(dict))...)
	}
	return keys
}

func sortedValues(dict map[string]any) []any {
	var values []any
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		values = append(values, dict[key])
	}
	return values
}
