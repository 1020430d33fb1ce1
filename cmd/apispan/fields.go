// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/apispan/apispan/cmd/apispan/internal/inspector"
)

func newFields() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "fields",
		Short:   "List the fields that an inspector has seen, and find those that are new",
		GroupID: groupCollector,
		Args:    noCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return needsCommand(cmd) },
	}
	cmd.AddCommand(newFieldsGet(), newFieldsDiff())
	return cmd
}

// getFields asks an inspector for its inventory, as it is written.
func getFields(cmd *cobra.Command, w inspector.Where) (json.RawMessage, error) {
	c, err := inspector.New(w)
	if err != nil {
		return nil, err
	}
	var doc json.RawMessage
	err = c.Get(cmd.Context(), "/api/fields", url.Values{"window": {fieldsWindow.String()}}, &doc)
	return doc, err
}

func newFieldsGet() *cobra.Command {
	var w inspector.Where
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Print the inventory of an inspector as JSON: every path, what was done to it, to whom it leaves",
		Args:  arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			doc, err := getFields(cmd, w)
			if err != nil {
				return err
			}
			line, err := inspector.HarmlessJSON(doc)
			if err == nil {
				_, err = cmd.OutOrStdout().Write(append(line, '\n'))
			}
			return err
		},
	}
	whereFlags(cmd.Flags(), &w)
	return cmd
}

func newFieldsDiff() *cobra.Command {
	var (
		w               inspector.Where
		asJSON, leaving bool
	)
	cmd := &cobra.Command{
		Use:   "diff OLD [NEW]",
		Short: "Compare two inventories; exit code 1 if a field is new, or newly leaves",
		Long: `Compares inventories that apispan fields get has written: OLD is the one that somebody
has looked at, NEW the one of today; without NEW, an inspector is asked. It lists fields
that are new, that leave to a backend which did not get them, that leave unchanged and
were redacted before, and those that look like what a detector knows. The exit code is 1
if there are any. Fields that are gone are counted. No value is in an inventory.`,
		Example: `  apispan fields get > fields.json          # look at it, and commit it
  apispan fields diff fields.json            # in CI, after the tests have run`,
		Args: needs("OLD [NEW]", 2),
		RunE: func(cmd *cobra.Command, files []string) error {
			was, err := readInventory(files[0], nil)
			if err != nil {
				return err
			}
			var is inspector.Inventory
			if len(files) == 2 {
				if cmd.Flags().Changed("address") {
					return fmt.Errorf("NEW and --address are given together: keep one of them")
				}
				is, err = readInventory(files[1], cmd.InOrStdin())
			} else {
				var doc json.RawMessage
				if doc, err = getFields(cmd, w); err == nil {
					is, err = inspector.ReadInventory(doc)
				}
			}
			if err != nil {
				return err
			}
			changes, gone := inspector.Diff(was, is, leaving)
			if err := writeChanges(cmd, changes, gone, is, asJSON); err != nil {
				return err
			}
			if len(changes) > 0 {
				return errFailed
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "a JSON object for each difference, one a line")
	cmd.Flags().BoolVar(&leaving, "leaving", false, "leave out new fields that leave to nobody")
	whereFlags(cmd.Flags(), &w)
	return cmd
}

func readInventory(name string, in io.Reader) (inspector.Inventory, error) {
	var doc []byte
	var err error
	if name == "-" && in != nil {
		doc, err = io.ReadAll(in)
	} else {
		doc, err = os.ReadFile(name)
	}
	if err != nil {
		return inspector.Inventory{}, err
	}
	inv, err := inspector.ReadInventory(doc)
	if err != nil {
		return inv, fmt.Errorf("%s: %w", name, err)
	}
	return inv, nil
}

func writeChanges(cmd *cobra.Command, changes []inspector.Change, gone int, is inspector.Inventory, asJSON bool) error {
	w := cmd.OutOrStdout()
	for _, c := range changes {
		if !asJSON {
			sayf(w, "%s\n", c)
			continue
		}
		doc, err := json.Marshal(c)
		if err != nil {
			return err
		}
		line, err := inspector.HarmlessJSON(doc)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	differences := "differences"
	if len(changes) == 1 {
		differences = "difference"
	}
	sayf(cmd.ErrOrStderr(), "%d %s, %d fields, %d gone\n", len(changes), differences, len(*is.Rows), gone)
	if is.Looked < is.Seen {
		sayf(cmd.ErrOrStderr(), "of %d exchanges the inspector has looked at %d: fields of the others may be missing\n", is.Seen, is.Looked)
	}
	return nil
}
