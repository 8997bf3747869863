package spel

import (
	"fmt"
	"slices"
	"strconv"
)

const (
	longestSource = 16 << 10 // bytes
	deepest       = 64       // nested expressions
)

// Expression is a parsed expression.
type Expression struct{ root node }

// Parse reads an expression, without the ${ and } around it.
func Parse(source string) (*Expression, error) {
	if len(source) > longestSource {
		return nil, fmt.Errorf("longer than %d bytes", longestSource)
	}
	list, err := tokens(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: list}
	root, err := p.ternary()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != end {
		return nil, p.unexpected()
	}
	return &Expression{root}, nil
}

type parser struct {
	tokens []token
	depth  int
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

// accept takes the next token if it is one of the operators.
func (p *parser) accept(ops ...string) (string, bool) {
	if t := p.peek(); t.kind == operator && slices.Contains(ops, t.text) {
		return p.take().text, true
	}
	return "", false
}

func (p *parser) expect(op string) error {
	if _, ok := p.accept(op); !ok {
		return fmt.Errorf("%w, want %s", p.unexpected(), op)
	}
	return nil
}

func (p *parser) unexpected() error {
	if t := p.peek(); t.kind != end {
		return fmt.Errorf("at %d: unexpected %q", t.at, t.text)
	}
	return fmt.Errorf("unexpected end")
}

func (p *parser) enter() error {
	if p.depth++; p.depth > deepest {
		return fmt.Errorf("nested deeper than %d", deepest)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// ternary = binary [ "?" ternary ":" ternary | "?:" ternary ]
func (p *parser) ternary() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	condition, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if _, ok := p.accept("?:"); ok {
		otherwise, err := p.ternary()
		return elvis{condition, otherwise}, err
	}
	if _, ok := p.accept("?"); !ok {
		return condition, nil
	}
	then, err := p.ternary()
	if err != nil {
		return nil, err
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	otherwise, err := p.ternary()
	return choice{condition, then, otherwise}, err
}

// levels are the binary operators, those that bind least first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!=", "<", "<=", ">", ">="}, {"+", "-"}}

func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		op, ok := p.accept(levels[level]...)
		if !ok {
			break
		}
		if err = p.enter(); err != nil { // a chain becomes as deep a tree as it is long
			break
		}
		defer p.leave()
		var right node
		right, err = p.binary(level + 1)
		left = binary{op, left, right}
	}
	return left, err
}

func (p *parser) unary() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if op, ok := p.accept("!", "-"); ok {
		operand, err := p.unary()
		return unary{op, operand}, err
	}
	n, err := p.primary()
	for err == nil {
		if op, ok := p.accept(".", "?."); ok {
			t := p.take()
			if t.kind != name {
				return nil, fmt.Errorf("at %d: a name must follow %s", t.at, op)
			}
			n = member{n, t.text, op == "?."}
		} else if _, ok := p.accept("["); ok {
			var key node
			if key, err = p.ternary(); err == nil {
				err = p.expect("]")
			}
			n = index{n, key}
		} else {
			break
		}
		if err == nil {
			if err = p.enter(); err == nil {
				defer p.leave()
			}
		}
	}
	return n, err
}

func (p *parser) primary() (node, error) {
	if _, ok := p.accept("("); ok {
		n, err := p.ternary()
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	}
	if _, ok := p.accept("#"); ok {
		return p.call()
	}
	switch t := p.peek(); t.kind {
	case name:
		p.take()
		switch t.text {
		case "true", "false":
			return literal{t.text == "true"}, nil
		case "null":
			return literal{nil}, nil
		}
		return variable(t.text), nil
	case text:
		p.take()
		return literal{t.text}, nil
	case number:
		p.take()
		n, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, fmt.Errorf("at %d: %s is no number", t.at, t.text)
		}
		return literal{n}, nil
	default:
		return nil, p.unexpected()
	}
}

// call = name "(" [ ternary { "," ternary } ] ")"
func (p *parser) call() (node, error) {
	t := p.take()
	if t.kind != name {
		return nil, fmt.Errorf("at %d: a function's name must follow #", t.at)
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	c := call{function: t.text}
	if _, ok := p.accept(")"); ok {
		return c, nil
	}
	for {
		argument, err := p.ternary()
		if err != nil {
			return nil, err
		}
		c.arguments = append(c.arguments, argument)
		if _, ok := p.accept(","); !ok {
			return c, p.expect(")")
		}
	}
}
