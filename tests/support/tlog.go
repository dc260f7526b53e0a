// Answers what Go's tlog makes of proofs. In: the size of a log whose lines are "line 0", "line 1" …; then one JSON
// question a line. Out: one JSON answer a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Size, Index, From int64
	Leaf, Root, Old   tlog.Hash
	Record, Growth    []tlog.Hash
}

type answer struct {
	Root           tlog.Hash   `json:"root"`
	Old            tlog.Hash   `json:"old"`
	Record         []tlog.Hash `json:"record"`
	Growth         []tlog.Hash `json:"growth"`
	RecordAccepted bool        `json:"recordAccepted"`
	GrowthAccepted bool        `json:"growthAccepted"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for nth, index := range indexes {
			found[nth] = stored[index]
		}
		return found, nil
	})
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := json.NewEncoder(os.Stdout)
	var size int64
	must(in.Decode(&size))
	for index := int64(0); index < size; index++ {
		added, err := tlog.StoredHashes(index, []byte(fmt.Sprintf("line %d", index)), reader)
		must(err)
		stored = append(stored, added...)
	}
	for in.More() {
		var asked question
		must(in.Decode(&asked))
		root, err := tlog.TreeHash(asked.Size, reader)
		must(err)
		old, err := tlog.TreeHash(asked.From, reader)
		must(err)
		record, err := tlog.ProveRecord(asked.Size, asked.Index, reader)
		must(err)
		growth, err := tlog.ProveTree(asked.Size, asked.From, reader)
		must(err)
		must(out.Encode(answer{
			root, old, record, growth,
			tlog.CheckRecord(asked.Record, asked.Size, asked.Root, asked.Index, asked.Leaf) == nil,
			tlog.CheckTree(asked.Growth, asked.Size, asked.Root, asked.From, asked.Old) == nil,
		}))
	}
}
