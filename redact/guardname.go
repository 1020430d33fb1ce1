// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/apispan/apispan/redact/internal/fold"
)

// nameClass is what a name says besides the rule that it matches.
type nameClass uint8

const (
	nameSecret    nameClass = iota // it names the secret
	nameDescribes                  // it names something about the secret
	nameInnocent                   // it names something else
)

// judgeName tells by its words what a key that a built-in rule matches is about.
func judgeName(key []byte, header bool) nameClass {
	if len(key) > 96 {
		return nameSecret
	}
	var buf [fold.MaxWords][]byte
	var room [96]byte
	w := fold.Words(&buf, room[:], key)
	if len(w) == 0 {
		return nameSecret
	}
	last := w[len(w)-1]
	if len(w) > 2 && bytes.IndexByte(key, ' ') > 0 { // "secrets is forbidden: …", but "the password is now: …"
		for _, x := range w[:len(w)-1] {
			if copulas[string(x)] && !adverbs[string(last)] {
				return nameInnocent
			}
		}
	}
	switch {
	case len(w) == 1:
		if strangers[string(last)] {
			return nameInnocent
		}
		return nameSecret
	case tokenWord[string(last)] && len(w) >= 2:
		switch c := tokenKinds[string(w[len(w)-2])]; {
		case c != nameSecret:
			return c
		case len(w) > 2 && string(w[len(w)-2]) == "request" && string(w[len(w)-3]) == "client": // an idempotency key of AWS
			return nameInnocent
		}
	case string(last) == "code" && len(w) > 2:
		for _, x := range w[:len(w)-1] {
			if codeKinds[string(x)] {
				return nameInnocent
			}
		}
	case string(last) == "key" && string(w[len(w)-2]) == "password": // under which a password stands elsewhere
		return nameDescribes
	case string(last) == "key" || string(last) == "keys":
		for _, x := range w[:len(w)-1] {
			if keyKinds[string(x)] {
				return nameInnocent
			}
		}
	}
	for _, x := range w {
		if strangers[string(x)] {
			return nameInnocent
		}
	}
	if len(w) > 5 && !header { // a sentence: password-inputs-can-be-pasted-into
		return nameDescribes
	}
	if firstDescribes[string(w[0])] || lastDescribes[string(last)] && !(header && (string(last) == "id" || string(last) == "ids")) {
		return nameDescribes
	}
	return nameSecret
}

func wordSet(words ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

var (
	tokenWord = wordSet("token", "tokens")

	copulas = wordSet("is", "are", "was", "were", "has", "have", "cannot", "should", "must", "will")
	adverbs = wordSet("now", "as", "follows", "below", "this", "here", "also", "still", "is", "was", "to", "set", "following", "again")

	// keyKinds are words in front of "key" for keys that open nothing.
	keyKinds = wordSet("public", "pub", "publishable", "idempotency", "surrogate", "cache", "routing", "partition", "sort", "dedup", "deduplication",
		"primary", "foreign", "object", "trace", "ratelimit", "shard", "websocket", "socket", "row", "index", "sorting", "translation")

	// codeKinds are words in names of codes that say how something ended.
	codeKinds = wordSet("result", "response", "status", "error", "reason", "decline", "failure", "country", "currency", "language")

	// strangers are words that a glob of the list meets by chance.
	strangers = wordSet("secretary", "secretaries", "secretariat", "secretion", "secretions", "ratelimit", "remaining",
		"monkey", "donkey", "turkey", "hockey", "jockey", "whiskey", "hotkey", "compass", "bypass", "trespass", "surpass", "encompass",
		"boarding", "season", "render", "ski", "passwordless", "menu", "ingredient", "ingredients", "santa", "sauce", "recipe", "recipes", "garden", "shopper", "secretsmanager", "secretmanager", "skiptoken", "jsonwebtoken", "author", "authors")

	// memberDescribes are members of an object under a name for a secret that are not
	// the secret: {"token": {"symbol": "USDC"}}, {"password": {"type": "string"}}.
	memberDescribes = wordSet("type", "name", "format", "$ref", "symbol", "description", "title", "label", "in", "status", "address",
		"standard", "decimals", "chain", "network", "logo", "$schema", "pattern", "placeholder", "default_type", "kind", "scheme", "style",
		"scope", "scopes", "permissions", "abilities", "tags", "labels", "created", "created_at", "createdAt", "updated_at", "updatedAt",
		"expires_at", "expiresAt", "expires", "last_used_at", "lastUsedAt", "version", "provider", "owner", "role", "environment", "algorithm",
		"alg", "algo", "rotation", "policy", "message", "loc", "msg", "id", "Id", "ID", "uuid", "uid", "path", "key",
		"arn", "ARN", "region", "origin", "visibility", "hint", "displayName", "username", "userName", "user", "login", "Username", "count",
		"size", "length", "position", "index", "state", "mode", "engine", "domain", "host", "port", "enabled", "source", "units", "Name", "Tags", "widget", "help",
		"enum", "encoding", "file", "href", "severity", "method", "methods", "types", "rules", "requirements", "providers", "issuer", "factor",
		"factors", "channel", "channels", "delivery", "preferred", "strength", "score", "algorithms", "formats", "category", "level", "levels", "frequency",
		"unit", "period", "reason", "result", "action", "actions", "event", "events", "language", "locale", "theme", "color", "variant", "platform",
		"device", "os", "resolved", "integrity", "Ref", "Fn::Sub", "Fn::GetAtt", "Fn::ImportValue", "Type", "ExcludeCharacters", "GenerateStringKey", "audience", "realm", "grant_types", "response_types", "auth_method", "storage", "backend", "driver", "strategy", "plan")

	// memberNumbers are members whose value may be a UUID without being the secret.
	memberNumbers = wordSet("id", "Id", "ID", "uuid", "uid")

	// memberPublic are members that are no secret whatever their value.
	memberPublic = wordSet("etag", "ETag", "keyid", "keyId", "kid", "accessor", "resourceVersion", "requestId", "fingerprint")

	// firstDescribes are words that a name begins with that asks about a secret.
	firstDescribes = wordSet("is", "has", "have", "had", "needs", "need", "require", "requires", "required", "must", "can", "may",
		"should", "allow", "allows", "allowed", "force", "enforce", "enable", "enables", "enabled", "disable", "disabled", "show",
		"hide", "hides", "use", "uses", "using", "with", "without", "no", "not", "supports", "support", "min", "max", "minimum",
		"maximum", "num", "number", "count", "total", "existing", "accept", "remember", "forgot", "forgotten", "accepts", "verify", "validate")

	// lastDescribes are words that a name ends with that says something about a
	// secret.
	lastDescribes = wordSet("at", "on", "date", "time", "timestamp", "expiry", "expires", "expire", "expiration", "expired", "ttl",
		"age", "days", "hours", "minutes", "seconds", "ms", "sec", "secs", "updated", "change", "changes", "changed", "created",
		"modified", "rotated", "used", "count", "counts", "counter", "length", "len", "min", "max", "limit", "limits", "size",
		"total", "num", "attempts", "attempt", "retries", "tries", "score", "strength", "iterations", "rounds", "cost",
		"cycles", "entropy", "bits", "enabled", "disabled", "required", "optional", "set", "valid", "verified", "active",
		"supported", "present", "exists", "missing", "invalid", "incorrect", "failed", "locked", "reset", "status", "state",
		"policy", "policies", "type", "types", "kind", "name", "names", "label", "title", "description", "format", "algorithm",
		"alg", "algo", "method", "methods", "provider", "url", "uri", "endpoint", "path", "file", "filename", "last4", "four",
		"masked", "brand", "network", "scheme", "check", "checks", "version", "field", "fields", "category", "scope", "scopes",
		"permissions", "requirement", "requirements", "rule", "rules", "message", "error", "errors", "prompt", "placeholder",
		"issuer", "bank", "country", "currency", "mode", "level", "ref", "refs", "reference", "arn", "region", "owner", "role",
		"plan", "manager", "store", "engine", "backend", "backends", "scanning", "scanner", "protection", "input", "button",
		"form", "page", "screen", "event", "visible", "hidden", "visibility", "rotation", "interval", "strategy", "usage",
		"price", "symbol", "decimals", "supply", "balance", "amount", "id", "ids", "index", "position", "supplies", "config",
		"settings", "options", "flow", "help", "text", "exp", "month", "year", "support", "stage", "result", "results", "in", "until",
		"since", "standard", "fee", "fees", "percent", "percentage", "rate", "lifespan", "lifetime", "validity", "duration", "timeout",
		"period", "reuse", "header", "headers", "prefix", "suffix", "digits", "history", "display", "units", "tags", "test", "tests", "spec")
)

// tokenKinds are words in front of "token" that say what kind it is.
var tokenKinds = func() map[string]nameClass {
	m := map[string]nameClass{}
	set := func(c nameClass, words ...string) {
		for _, w := range words {
			m[w] = c
		}
	}
	// Where a list goes on.
	set(nameInnocent, "page", "pages", "next", "prev", "previous", "continuation", "continue", "pagination", "paging", "cursor", "sync",
		"resume", "marker", "offset", "scroll", "watch", "after", "before", "position", "delta", "forward", "backward", "list",
		"idempotency", "idempotent", "dedup", "deduplication", "fencing", "checkpoint", "snapshot", "more", "progress", "done", "resumption", "skip", "seek", "bookmark", "consistency", "batch")
	// Language models and parsers.
	set(nameInnocent, "eos", "bos", "pad", "unk", "mask", "sep", "cls", "stop", "special", "eot", "eom", "begin", "blank", "per", "parser",
		"syntax", "lexer")
	// Currencies on a chain, and design systems.
	set(nameInnocent, "quote", "base", "underlying", "native", "collateral", "lp", "gas", "reward", "rewards", "staking", "governance",
		"erc20", "erc721", "nft", "wrapped", "design", "color", "colour", "theme", "spacing")
	set(nameDescribes, "from", "to", "in", "out", "input", "output", "buy", "sell", "destination", "fee", "stake", "staked", "pool",
		"borrow", "debt", "start", "end", "max", "min", "prompt", "completion", "total", "cached", "reasoning", "audio")
	return m
}()
