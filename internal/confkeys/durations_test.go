// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package confkeys

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type maybe[T any] struct {
	on    bool
	value T
}

func (m *maybe[T]) Get() *T {
	if !m.on {
		return nil
	}
	return &m.value
}

type nested struct {
	Wait time.Duration `mapstructure:"wait"`
	Self *nested       `mapstructure:"self"`
}

type squashed struct {
	Timeout time.Duration `mapstructure:"timeout"`
}

type waits struct {
	squashed `mapstructure:",squash"` // not exported: not ours to read

	Squashed squashed          `mapstructure:",squash"`
	Optional maybe[nested]     `mapstructure:"optional"`
	Off      maybe[nested]     `mapstructure:"off"`
	Pointer  *nested           `mapstructure:"pointer"`
	Map      map[string]nested `mapstructure:"map"`
	List     []nested          `mapstructure:"list"`
	Any      any               `mapstructure:"any"`
	Untagged time.Duration
	Skipped  time.Duration `mapstructure:"-"`
}

func TestDurations(t *testing.T) {
	t.Parallel()
	short := func(d time.Duration) nested { return nested{Wait: d} }
	loop := &nested{Wait: 7}
	loop.Self = loop
	for name, c := range map[string]struct {
		cfg  waits
		want []string
	}{
		"nothing set":     {},
		"a millisecond":   {cfg: waits{Squashed: squashed{time.Millisecond}}},
		"squashed":        {waits{Squashed: squashed{15}}, []string{"`timeout` is 15 nanoseconds", "such as 15s or 15ms"}},
		"microseconds":    {waits{Squashed: squashed{30000}}, []string{"`timeout` is 30µs, less than 1ms", "write the unit"}},
		"negative":        {cfg: waits{Squashed: squashed{-5}}}, // the owner of the key says what it means,
		"optional":        {waits{Optional: maybe[nested]{true, short(5)}}, []string{"`optional::wait` is 5 nanoseconds"}},
		"switched off":    {cfg: waits{Off: maybe[nested]{false, short(5)}}},
		"pointer":         {waits{Pointer: &nested{Wait: 1}}, []string{"`pointer::wait` is 1 nanoseconds"}},
		"map":             {waits{Map: map[string]nested{"a": short(2), "b": short(3)}}, []string{"`map::a::wait`", "`map::b::wait`"}},
		"list":            {waits{List: []nested{{}, short(9)}}, []string{"`list::1::wait` is 9"}},
		"interface":       {waits{Any: &nested{Wait: 4}}, []string{"`any::wait` is 4"}},
		"no key":          {cfg: waits{Untagged: 5, Skipped: 5}},
		"type in itself":  {waits{Pointer: loop}, []string{"`pointer::self::self::wait` is 7"}},
		"several at once": {waits{Squashed: squashed{1}, Pointer: &nested{Wait: 1}}, []string{"`timeout`", "`pointer::wait`"}},
	} {
		for _, cfg := range []any{c.cfg, &c.cfg} {
			err := errors.Join(Durations(cfg)...)
			if (err == nil) != (len(c.want) == 0) {
				t.Errorf("%s: %v", name, err)
			}
			for _, want := range c.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%s: want %q in\n%v", name, want, err)
				}
			}
		}
	}
}
