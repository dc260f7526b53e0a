// Checks evidence with Go's golang.org/x/mod/sumdb/note and tlog and its standard library: whatever is decided here is
// decided by them. check.sh runs it; by hand:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run check.go [-keys FILE] [-kept FILE] [-log FILE] BUNDLE ...
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var failures int

func report(what string, err error) bool {
	if err != nil {
		failures++
		fmt.Printf("FAILED  go          %s: %q\n", what, err.Error())
		return false
	}
	fmt.Printf("ok      go          %s\n", what)
	return true
}

// value is parsed JSON. Decoding into structs would match the names of members in any case, and other readers do not.
type value struct{ any }

func parse(data []byte) (value, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var parsed any
	if err := decoder.Decode(&parsed); err != nil {
		return value{}, err
	}
	if decoder.More() {
		return value{}, errors.New("something follows the JSON")
	}
	return value{parsed}, nil
}

func (v value) at(names ...string) value {
	for _, name := range names {
		object, _ := v.any.(map[string]any)
		v = value{object[name]}
	}
	return v
}

func (v value) text() string {
	text, _ := v.any.(string)
	return text
}

// number is -1 for what is none.
func (v value) number() int64 {
	number, _ := v.any.(json.Number)
	parsed, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		return -1
	}
	return parsed
}

func (v value) items() []value {
	array, _ := v.any.([]any)
	items := make([]value, len(array))
	for index, item := range array {
		items[index] = value{item}
	}
	return items
}

func hashes(encoded []value) ([]tlog.Hash, error) {
	parsed := make([]tlog.Hash, len(encoded))
	for index, item := range encoded {
		hash, err := tlog.ParseHash(item.text())
		if err != nil {
			return nil, err
		}
		parsed[index] = hash
	}
	return parsed, nil
}

type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

// open opens a signed note with keys and reads the three lines of a checkpoint.
func open(signed string, vkeys []string) (checkpoint, error) {
	var verifiers []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return checkpoint{}, fmt.Errorf("the key %q: %w", vkey, err)
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifiers...))
	if err != nil {
		return checkpoint{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return checkpoint{}, errors.New("the text is not three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return checkpoint{}, errors.New("the second line is no size")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return checkpoint{}, err
	}
	for _, signature := range opened.Sigs {
		if signature.Name != lines[0] {
			return checkpoint{}, fmt.Errorf("the log %q is signed as %q", lines[0], signature.Name)
		}
	}
	return checkpoint{lines[0], size, root}, nil
}

// line checks that a line is in the log, and that it is of the kind and the action that the bundle shows it as.
func line(proven value, kind, action string, log checkpoint) (value, error) {
	text := proven.at("text").text()
	proof, err := hashes(proven.at("proof").items())
	if err != nil {
		return value{}, err
	}
	index := proven.at("index").number()
	if index < 0 || index >= log.size {
		return value{}, fmt.Errorf("there is no line %d in a log of %d", index, log.size)
	}
	if err := tlog.CheckRecord(proof, log.size, log.root, index, tlog.RecordHash([]byte(text))); err != nil {
		return value{}, err
	}
	said, err := parse([]byte(text))
	if err != nil {
		return value{}, err
	}
	if said.at("kind").text() != kind {
		return value{}, fmt.Errorf("it is of the kind %q", said.at("kind").text())
	}
	if kind != "key" && said.at("action").text() != action {
		return value{}, fmt.Errorf("it is of %q", said.at("action").text())
	}
	return said, nil
}

// chain gives the hash of every entry, having checked that each names the one before it.
func chain(bundle value) ([]string, error) {
	var chained []string
	before := ""
	for index, entry := range bundle.at("entries").items() {
		text := entry.at("text").text()
		said, err := parse([]byte(text))
		if err != nil {
			return nil, err
		}
		if prev := said.at("prev"); prev.text() != before || (prev.any == nil) != (before == "") {
			return nil, fmt.Errorf("entry %d does not go on from the one before it", index+1)
		}
		if said.at("action").text() != bundle.at("action").text() {
			return nil, fmt.Errorf("entry %d is of another action", index+1)
		}
		hash := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
		chained, before = append(chained, hash), hash
	}
	return chained, nil
}

func checkLines(bundle value, log checkpoint) {
	action := bundle.at("action").text()
	chained, err := chain(bundle)
	kept := len(chained) > 0
	if err == nil && !kept && len(bundle.at("log", "erased").items()) == 0 {
		err = errors.New("there are none, and no line of the log says that they were let go")
	}
	report(fmt.Sprintf("%d entries hang together", len(chained)), err)

	opened, err := line(bundle.at("log", "opened"), "opened", action, log)
	if err == nil && opened.at("workspace").text() != bundle.at("workspace").text() {
		err = errors.New("it is of another workspace")
	}
	if err == nil && opened.at("number").number() != bundle.at("number").number() {
		err = errors.New("it gives the action another number")
	}
	if err == nil && kept && opened.at("first").text() != chained[0] {
		err = errors.New("it saw another first entry")
	}
	report("the line that gave the action its number is in the log", err)

	if sealed := bundle.at("log", "sealed"); sealed.any != nil {
		said, err := line(sealed, "sealed", action, log)
		events := said.at("events").number()
		if err == nil && kept && (events < 1 || events > int64(len(chained))) {
			err = fmt.Errorf("it was sealed with %d entries, and here are %d", events, len(chained))
		}
		if err == nil && kept && said.at("head").text() != chained[events-1] {
			err = errors.New("it was sealed with another last entry")
		}
		report("the line that sealed it is in the log", err)
	}
	for _, erased := range bundle.at("log", "erased").items() {
		_, err := line(erased, "erased", action, log)
		report("a line that let values go is in the log", err)
	}
	for _, keyed := range bundle.at("log", "keyed").items() {
		_, err := line(keyed, "key", action, log)
		report("a line that brought in a key is in the log", err)
	}
	for _, conflict := range bundle.at("log", "conflicts").items() {
		if _, err := line(conflict, "conflict", action, log); report("a line with a contradiction is in the log", err) {
			report("the action never contradicted itself", errors.New("the log says that it did"))
		}
	}
}

// checkGrowth checks that the log goes on from the checkpoint that was kept.
func checkGrowth(kept, log checkpoint, consistency value) error {
	if kept.origin != log.origin {
		return fmt.Errorf("the kept checkpoint is of %q, this one of %q", kept.origin, log.origin)
	}
	if kept.size > log.size {
		return fmt.Errorf("it had %d lines and here has %d: lines are missing, or this is older", kept.size, log.size)
	}
	if kept.size == log.size {
		if kept.root != log.root {
			return errors.New("two logs of the same size with different roots")
		}
		return nil
	}
	if kept.size == 0 {
		return nil
	}
	if consistency.at("since").number() != kept.size {
		return fmt.Errorf("there is no proof from %d on; ask for the bundle again with ?since=%d", kept.size, kept.size)
	}
	proof, err := hashes(consistency.at("proof").items())
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, log.size, log.root, kept.size, kept.root)
}

// checkLog computes the root over every line of an export.
func checkLog(file string, log checkpoint) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for nth, index := range indexes {
			found[nth] = stored[index]
		}
		return found, nil
	})
	var size int64
	for _, row := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		parsed, err := parse([]byte(row))
		if err != nil {
			return err
		}
		added, err := tlog.StoredHashes(size, []byte(parsed.at("text").text()), reader)
		if err != nil {
			return err
		}
		stored = append(stored, added...)
		size++
	}
	if size != log.size {
		return fmt.Errorf("the log has %d lines and here are %d", log.size, size)
	}
	root, err := tlog.TreeHash(size, reader)
	if err == nil && root != log.root {
		err = errors.New("they come to another root")
	}
	return err
}

func lines(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return strings.Fields(string(data))
}

func check(file, keys, kept, logFile string) {
	data, err := os.ReadFile(file)
	if err != nil {
		report("the file can be read", err)
		return
	}
	bundle, err := parse(data)
	if err != nil {
		report("the file is JSON", err)
		return
	}
	vkeys := []string{}
	for _, key := range bundle.at("log", "keys").items() {
		vkeys = append(vkeys, key.at("vkey").text())
	}
	if keys != "" {
		vkeys = lines(keys)
	}
	said := bundle.at("log", "checkpoint")
	log, err := open(said.at("note").text(), vkeys)
	if err == nil && (said.at("origin").text() != log.origin || said.at("size").number() != log.size ||
		said.at("root").text() != base64.StdEncoding.EncodeToString(log.root[:])) {
		err = errors.New("what stands beside the note is not what is signed")
	}
	if !report("the checkpoint is a note that the log has signed", err) {
		return
	}
	checkLines(bundle, log)
	if logFile != "" {
		report("every line of the log, hashed, comes to the signed root", checkLog(logFile, log))
	}
	if kept == "" {
		return
	}
	signed, err := os.ReadFile(kept)
	if err == nil {
		var before checkpoint
		if before, err = open(string(signed), vkeys); err == nil {
			err = checkGrowth(before, log, bundle.at("log", "consistency"))
		}
	}
	report("the log goes on from the checkpoint that was kept", err)
}

func main() {
	keys := flag.String("keys", "", "verifier keys, one a line, instead of those in the bundle")
	kept := flag.String("kept", "", "a checkpoint that was kept")
	log := flag.String("log", "", "every line of the log, as an export has them")
	flag.Parse()
	for index, file := range flag.Args() {
		fmt.Printf("        %s\n", file)
		// An export is of one checkpoint: its log is hashed once.
		whole := *log
		if index > 0 {
			whole = ""
		}
		check(file, *keys, *kept, whole)
	}
	if failures > 0 {
		os.Exit(1)
	}
}
