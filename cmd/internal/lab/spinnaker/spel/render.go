package spel

import (
	"errors"
	"fmt"
	"strings"
)

// Failure is an expression that could not be evaluated.
type Failure struct {
	Expression string // with its ${ and }
	Reason     string
}

// Render replaces the expressions in every string of a JSON value. A string that is one expression becomes its
// value, of whatever type; in a longer string the values are written out. A string with an expression that
// fails, or that gives null, stays as it is and is reported.
func Render(value any, env Env) (any, []Failure) {
	return render(value, env, 0)
}

func render(value any, env Env, depth int) (any, []Failure) {
	if depth > deepest {
		return value, nil
	}
	var failures []Failure
	switch v := value.(type) {
	case string:
		rendered, err := renderString(v, env)
		if err != nil {
			return v, []Failure{{v, err.Error()}}
		}
		return rendered, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var failed []Failure
			out[i], failed = render(v[i], env, depth+1)
			failures = append(failures, failed...)
		}
		return out, failures
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			var failed []Failure
			out[key], failed = render(v[key], env, depth+1)
			failures = append(failures, failed...)
		}
		return out, failures
	default:
		return value, nil
	}
}

func renderString(s string, env Env) (any, error) {
	var out strings.Builder
	for rest := s; ; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			out.WriteString(rest)
			return out.String(), nil
		}
		length := expressionLength(after)
		if length < 0 {
			return nil, errors.New("an expression without its closing }")
		}
		value, err := evaluate(after[:length], env)
		if err != nil {
			return nil, err
		}
		rest = after[length+1:]
		if before == "" && rest == "" && out.Len() == 0 {
			return value, nil
		}
		out.WriteString(before)
		out.WriteString(String(value))
		if out.Len() > longestString {
			return nil, fmt.Errorf("a string longer than %d bytes", longestString)
		}
	}
}

func evaluate(source string, env Env) (any, error) {
	expression, err := Parse(source)
	if err != nil {
		return nil, err
	}
	value, err := expression.Eval(env)
	if err == nil && value == nil {
		err = errors.New("it evaluates to null")
	}
	return value, err
}

// expressionLength finds the } that ends an expression: one that is in no string and closes no inner brace.
func expressionLength(s string) int {
	inner := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '{':
			inner++
		case c == '}' && inner == 0:
			return i
		case c == '}':
			inner--
		}
	}
	return -1
}
