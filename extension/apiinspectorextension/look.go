// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"time"

	"github.com/apispan/apispan/extension/apiinspectorextension/internal/show"
	"github.com/apispan/apispan/internal/inspect"
)

const (
	// ripe is how old an exchange is when its fields are looked at: by then exporters have
	// shown what they made of it.
	ripe = 1500 * time.Millisecond
	// lookPace is how often there is a look, and what part of one processor's time that may
	// take: 1/lookShare, or 1/lookShareIdle below idleRate exchanges a second. lookBurst is
	// how much is saved up while there is little to do, lookDebt how much is paid back.
	lookPace      = 250 * time.Millisecond
	lookShare     = 4000
	lookShareIdle = 100
	idleRate      = 100
	lookBurst     = 300 * time.Millisecond
	lookDebt      = 5 * time.Millisecond
)

// look fills the inventory of fields until done is closed. It takes no more than its share
// of the time, and says how many exchanges it has looked at.
func (i *inspector) look(done <-chan struct{}) {
	tick := time.NewTicker(lookPace)
	defer tick.Stop()
	credit, last := lookBurst, int64(0)
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		share := time.Duration(lookShare)
		if i.Counts.PerSecond(time.Now()) < idleRate {
			share = lookShareIdle
		}
		credit = min(lookBurst, max(credit, -lookDebt)+lookPace/share)
		records := i.Ripe(last, time.Now().Add(-ripe))
		if len(records) == 0 || credit <= 0 {
			continue
		}
		env := &show.Env{Raw: i.cfg.ShowRaw, Sources: map[string]inspect.Source{}}
		for _, s := range i.Told().Sources {
			env.Sources[s.Component] = s
		}
		for _, r := range records {
			start := time.Now()
			last = r.Seq
			if r.Exchange != nil || len(r.Stages) > 0 {
				if n := i.fields.Look(start, show.Exchange(r), show.Detail(r, env)); n > 0 {
					i.SetNewFields(r.Key, n)
				}
			}
			if credit -= time.Since(start); credit <= 0 {
				last = records[len(records)-1].Seq // the rest is not looked at
				break
			}
		}
	}
}
