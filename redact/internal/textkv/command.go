// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package textkv

import (
	"bytes"
	"strings"
)

// maxVariable bounds the value of a variable that a command line may follow,
// maxCommand what is read of that.
const (
	maxVariable = 128
	maxCommand  = 512
)

// variable reports whether the key is spelt like a variable of the environment.
func (c *Candidate) variable(src []byte) bool {
	for _, b := range src[c.Key:c.KeyEnd] {
		if b != '_' && b-'0' > 9 && b-'A' > 25 {
			return false
		}
	}
	return c.KeyEnd-c.Key > 2
}

// command reports whether a command line stands at i, as behind variables that are set
// for it alone: PGPASSWORD=x psql -h db. It has an option, or begins with a path or a
// tool that people run so; a value of several words has none of them.
func command(src []byte, i int) bool {
	line := src[i:min(len(src), i+maxCommand)]
	line, _, _ = bytes.Cut(line, []byte("\n"))
	word, rest, _ := bytes.Cut(line, []byte(" "))
	word = bytes.TrimRight(word, "\r")
	if len(word) < 2 || len(word) > 64 || word[0] != '.' && word[0] != '/' && word[0]-'a' > 25 {
		return false
	}
	for _, b := range word {
		if b-'a' > 25 && b-'A' > 25 && b-'0' > 9 && strings.IndexByte("._/-", b) < 0 {
			return false
		}
	}
	if bytes.HasPrefix(word, []byte("./")) || bytes.HasPrefix(word, []byte("/usr/")) || bytes.HasPrefix(word, []byte("/bin/")) {
		return true
	}
	for _, t := range [...]string{
		"psql", "pg_dump", "pg_restore", "createdb", "mysql", "mysqldump", "redis-cli", "mongosh", "sqlcmd", "restic", "borg", "rclone", "node", "npm", "npx", "yarn",
		"pnpm", "bun", "deno", "python", "python3", "ruby", "rails", "bundle", "php", "java", "go", "cargo", "make", "docker", "docker-compose", "kubectl", "helm",
		"terraform", "ansible-playbook", "aws", "gcloud", "az", "gh", "git", "curl", "wget", "ssh", "sshpass", "vault", "env", "sudo", "sh", "bash", "twine", "uv",
	} {
		if string(word) == t {
			return true
		}
	}
	for len(rest) > 1 {
		if rest[0] == '-' && (rest[1] == '-' || (rest[1]|0x20)-'a' < 26) {
			return true
		}
		_, rest, _ = bytes.Cut(rest, []byte(" "))
	}
	return false
}
