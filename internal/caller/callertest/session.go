// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package callertest

// Way is a way to show a credential: Type is Metlo's word, or "" for the address.
type Way struct{ Type, Name string }

// SessionCase is a request and its session. The key is SessionKey.
type SessionCase struct {
	Name   string
	Ways   []Way
	Header [][2]string
	// Peer is the other end of the connection.
	Peer string

	Key, Type string
}

// SessionKey is the key of the sessions below. They follow Metlo's rule
// (ingestors/rust-common/src/send_trace.rs) and were computed with another
// implementation.
const SessionKey = "test-encryption-key"

// Pseudonyms of " dXNlcjpwYXNz", "Basic dXNlcjpwYXNz" and "203.0.113.7".
const (
	SessionOfBasic   = "Qr3GKrgByxezgsNJEYvgT9qi0cgj3+782ZaPwByVw3E="
	SessionOfHeader  = "n/lIjE+kHJKpFDFP/UBYNIqC59UQDixZG09hsSRR1UA="
	SessionOfAddress = "N7yNZOkeO8ZOMStJn2C690vz2TyJRenF2uImO19M/vo="
)

var shown = field("Authorization", "Basic dXNlcjpwYXNz")

// SessionCases returns all.
func SessionCases() []SessionCase {
	byBasic, byAddress := []Way{{Type: "basic"}}, []Way{{}}
	return []SessionCase{
		{Name: "basic", Ways: byBasic, Header: shown, Key: SessionOfBasic, Type: "basic"},
		{Name: "basic, lower case", Ways: byBasic, Header: field("Authorization", "basic dXNlcjpwYXNz"), Key: SessionOfBasic, Type: "basic"},
		{Name: "basic, not shown", Ways: byBasic, Header: field("Authorization", "Bearer x"), Type: "basic"},
		{Name: "basic, nothing behind it", Ways: byBasic, Header: field("Authorization", "basic"), Type: "basic"},
		{Name: "basic, masked before", Ways: byBasic, Header: field("Authorization", "Basic [REDACTED]")},
		{Name: "header", Ways: []Way{{"header", "authorization"}}, Header: shown, Key: SessionOfHeader, Type: "header"},
		{Name: "JWT", Ways: []Way{{"jwt", "Authorization"}}, Header: shown, Key: SessionOfHeader, Type: "jwt"},
		{Name: "cookie", Ways: []Way{{"session_cookie", "sid"}}, Header: field("Cookie", "a=b; sid=203.0.113.7"), Key: SessionOfAddress, Type: "session_cookie"},
		{Name: "cookie in a second line", Ways: []Way{{"session_cookie", "sid"}}, Header: [][2]string{{"Cookie", "a=b"}, {"Cookie", `sid="203.0.113.7"`}}, Key: SessionOfAddress, Type: "session_cookie"},
		{Name: "the first that is there", Ways: []Way{{Type: "basic"}, {"header", "x-api-key"}, {"session_cookie", "sid"}}, Header: [][2]string{{"X-Api-Key", "203.0.113.7"}, {"Cookie", "sid=1"}}, Key: SessionOfAddress, Type: "header"},
		{Name: "none of several", Ways: []Way{{"header", "x-api-key"}, {"session_cookie", "sid"}}, Type: "header"},
		{Name: "address", Ways: byAddress, Peer: "203.0.113.7", Key: SessionOfAddress},
		{Name: "address, as a stranger has it", Ways: byAddress, Peer: "203.0.113.7", Header: field("X-Forwarded-For", "6.6.6.6"), Key: SessionOfAddress},
		{Name: "address, IPv4 in IPv6", Ways: byAddress, Peer: "::ffff:203.0.113.7", Key: SessionOfAddress},
		{Name: "no address", Ways: byAddress, Peer: "somebody"},
	}
}
