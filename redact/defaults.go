// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "fmt"

const (
	headerPlaces = 1<<placeRequestHeader | 1<<placeResponseHeader
	cookiePlaces = 1<<placeCookie | 1<<placeSetCookie
)

// defaults adds the built-in rules.
func (c *compiler) defaults() {
	f := c.p.cfg
	except := map[string]bool{}
	for _, e := range f.Except {
		except[e] = false
	}
	defer c.exceptions(except)
	if !f.Defaults {
		return
	}
	free := func(name string) bool {
		if _, ok := except[name]; ok {
			except[name] = true
			return true
		}
		return false
	}
	add := func(groups []nameGroup, places placeSet) {
		for _, g := range groups {
			for _, n := range g.names {
				if free(n) {
					continue
				}
				ru := rule{id: "default:" + n, act: actMask, places: places, scope: -1, builtin: true, guard: g.guard}
				if g.guard != guardNone {
					ru.flags |= flagSoft
				}
				c.key("defaults", 0, n, ru)
			}
		}
	}
	add(defaultGroups, allPlaces)
	add(defaultQueryGroups, 1<<placeQuery)
	add(defaultHeaderGroups, headerPlaces)
	add(defaultBodyGroups, allPlaces&^(headerPlaces|cookiePlaces|1<<placeQuery|1<<placePath|1<<placeClientIP))
	// Cookie values go, their names stay. Rules of the policy for the place replace
	// these.
	own := func(place string) bool {
		r, ok := f.In[place]
		return ok && (r.Action != "" || len(r.Allow) > 0 || r.TruncateV4+r.TruncateV6 != 0)
	}
	if !free("cookie") && !own("cookies") {
		c.add(rule{id: "default:cookie", act: actMask, places: 1 << placeCookie, scope: -1, whole: true, builtin: true})
	}
	if !free("set-cookie") && !own("cookies") && !own("set_cookies") {
		c.add(rule{id: "default:set-cookie", act: actMask, places: 1 << placeSetCookie, scope: -1, whole: true, builtin: true})
	}
	if !free("client_ip") && !own("client_ip") {
		ru := rule{id: "default:client_ip", act: actTruncate, places: 1 << placeClientIP, scope: -1, whole: true, builtin: true, v4: defaultV4, v6: defaultV6}
		if len(f.HMAC.Keys) > 0 {
			ru.act = actHMAC
		}
		c.add(ru)
	}
}

// exceptions adds the entries of the field "except" that are none of the built-in
// list: they are names, globs and paths like those of keys.except.
func (c *compiler) exceptions(used map[string]bool) {
	for i, e := range c.p.cfg.Except {
		if !used[e] {
			c.key(fmt.Sprintf("except[%d]", i), 0, e, rule{id: "except:" + e, where: fmt.Sprintf("except[%d]", i), act: actAllow, except: true, places: allPlaces, scope: -1})
			c.freed = append(c.freed, namedRule{where: fmt.Sprintf("except[%d]", i), name: e, places: allPlaces, must: true})
		}
	}
}
