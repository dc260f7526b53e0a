/** The worlds that the models are searched in, to their ends. Each is small in its own way: all at once would be too much. */
export const searches: Readonly<
  Record<string, { readonly model: string; readonly defines: readonly string[] }>
> = {
  "copies that come twice, and a crash": { model: "action", defines: [] },
  "two crashes": { model: "action", defines: ["CRASHES=2", "DUPLICATES=0"] },
  "calls and answers that are lost": { model: "action", defines: ["LOSSES=1", "DUPLICATES=0"] },
  "an alarm before its time": { model: "action", defines: ["EARLY=1", "DUPLICATES=0"] },
  "no alarm at all": { model: "action", defines: ["WITH_ALARM=0"] },
  "a kill switch, or a voter who leaves": { model: "action", defines: ["CHANGE=1", "DUPLICATES=0"] },
  "one person with two votes": { model: "action", defines: ["AGAIN=1", "CRASHES=0", "DUPLICATES=0"] },
  "two who carry out": { model: "action", defines: ["EXECUTORS=2", "CRASHES=0", "DUPLICATES=0"] },
  "somebody who cancels or revokes": { model: "action", defines: ["OPERATOR=1", "DUPLICATES=0"] },
  "somebody who has it undone": { model: "action", defines: ["OPERATOR=2", "DUPLICATES=0"] },
  "a receiver that fails": { model: "outbox", defines: ["CARD=0", "FAILURES=2", "AGAIN=0"] },
  "a receiver and messages that come twice": { model: "outbox", defines: ["CARD=0"] },
  "a channel and messages that come twice": { model: "outbox", defines: ["HOOK=0"] },
  "rights that run out too early": {
    model: "outbox",
    defines: ["HOOK=0", "EVENTS=3", "EARLY=1", "CRASHES=0", "LOSSES=0"],
  },
  "a receiver and a channel": { model: "outbox", defines: ["AGAIN=0", "LOSSES=0"] },
};

/** One mistake each, made in one of the worlds above, where nothing else is wrong; and what it must be found by. */
export const bugs: readonly { readonly bug: string; readonly in: string; readonly violates: string }[] = [
  { bug: "ACK_BEFORE_COMMIT", in: "copies that come twice, and a crash", violates: "disk.took" },
  { bug: "MARK_APART", in: "copies that come twice, and a crash", violates: "mem.took" },
  { bug: "ALARM_FIRST", in: "two crashes", violates: "left==0" },
  { bug: "EARLY_ALARM", in: "an alarm before its time", violates: "left==0" },
  { bug: "DEADLINE_BY_ALARM", in: "no alarm at all", violates: "mem.ends" },
  { bug: "CACHED_FACTS", in: "a kill switch, or a voter who leaves", violates: "lateClaim" },
  { bug: "COUNT_VOTES", in: "one person with two votes", violates: "mem.approvals" },
  { bug: "CHECK_BEFORE_AWAIT", in: "two who carry out", violates: "mem.state==" },
  { bug: "DIGEST", in: "two who carry out", violates: "wrongDigest" },
  { bug: "ROW_APART", in: "a receiver that fails", violates: "heard" },
  { bug: "SENT_BEFORE_COMMIT", in: "a receiver that fails", violates: "boardKnows" },
  { bug: "CLOSED_WHEN_HANDED_OVER", in: "a receiver that fails", violates: "heard" },
  { bug: "OLD_NEWS_CONFIRMS", in: "a receiver that fails", violates: "boardDead" },
  { bug: "BOARD_GOES_BACK", in: "a receiver and messages that come twice", violates: "boardKnows" },
  { bug: "NO_RIGHT", in: "a channel and messages that come twice", violates: "cards==1" },
  { bug: "SURE", in: "a channel and messages that come twice", violates: "cards==1" },
  { bug: "ANYBODY_RELEASES", in: "rights that run out too early", violates: "sight>=cardShows" },
];
