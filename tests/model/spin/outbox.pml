/*
 * Who is told of what: one action's outbox, the two queues, the Board, a webhook's receiver and a channel that shows a card, for
 * Spin. tests/model/spin.test.ts runs it; docs/spin.md says what is modelled and what is not.
 *
 * Each event is committed with a row for the receiver and one for the card (objects/action/outbox.ts). A message of the event queue
 * brings the Board up to date and puts a message a row on the delivery queue; whoever delivers tells the action, which closes the
 * row. Messages overtake each other, come twice and are lost; the object forgets what is only in memory (`mem`) and not yet durable
 * (`disk`); whoever delivers dies in the middle, or is told of a failure. A row that nobody has settled comes due again.
 *
 * Sizes (-D): EVENTS of the action; CRASHES of the object; AGAIN: messages that come twice, and senders that die; LOSSES of messages;
 * EARLY: leases that end while what they wait for is still under way; FAILURES at the receiver, of which the second for one row is
 * its last. CARD: 0 without a channel; HOOK: 0 without a receiver. BUG_...: one mistake each, which must be found.
 */
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef AGAIN
#define AGAIN 1
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef EARLY
#define EARLY 0
#endif
#ifndef FAILURES
#define FAILURES 0
#endif
#ifndef CARD
#define CARD 1
#endif
#ifndef HOOK
#define HOOK 1
#endif

/* Sets of events are bits: event 1 is the lowest. */
#define BIT(event) (1 << ((event) - 1))
#define HAS(set, event) (((set) & BIT(event)) != 0)
#define WITHOUT(set, other) ((set) & (255 - (other)))
#define UP_TO(event) ((1 << (event)) - 1)

/* The object's storage. */
typedef Rows {
  byte seq;
  byte hookOpen, hookTried, hookDead;  /* rows of the receiver, by event */
  byte cardOpen;                       /* rows of the channel */
  bool began;                          /* somebody has begun to send there */
  byte held;                           /* who has the right to, now; 0: nobody */
  byte shown;                          /* what the card is known to show; 0: no card is known */
  bool boardDue;                       /* the Board is to be told, unless it says that it has it */
  byte boardSeq, news;
};
Rows mem, disk;
bool dirty;
byte toSend;            /* events whose first message waits for its commit to be durable; in memory only */
#ifdef BUG_ROW_APART
byte rowLater;
#define WRITTEN (rowLater == 0)
#else
#define WRITTEN true
#endif
byte crashes = CRASHES, again = AGAIN, losses = LOSSES, early = EARLY, failures = FAILURES;

/* The event queue: what a message says, and how far its consumer has come with it. */
#define PLACES 2
typedef Message { bool there, ack, applied, acked; byte seq, news, hooks, cards, dead };
Message queue[PLACES];

/* The delivery queue, by event: messages, and posts that were answered and of which the action does not know yet. */
byte hookQueue[4], hookPosted[4], hookFailed[4], cardQueue[4];

/* Two who send to the channel. `row`: 0 for nobody. */
typedef Sender { byte row, sight; bool unsure, may, posted };
Sender senders[2];

/* The world outside. */
byte boardKnows, boardDead;
byte heard;             /* what the receiver has acted on: it drops an id that it has had */
byte cards, cardShows;

inline copyRows(to, from) {
  to.seq = from.seq; to.hookOpen = from.hookOpen; to.hookTried = from.hookTried; to.hookDead = from.hookDead;
  to.cardOpen = from.cardOpen; to.began = from.began; to.held = from.held; to.shown = from.shown;
  to.boardDue = from.boardDue; to.boardSeq = from.boardSeq; to.news = from.news
}

/* Puts a message on the event queue, where there is room. */
#define ROOM (!queue[0].there || !queue[1].there)
inline enqueue(asks, upTo, hookRows, cardRows) {
  free = 0;
  do
  :: queue[free].there -> free++
  :: else -> break
  od;
  queue[free].there = true; queue[free].ack = asks; queue[free].seq = upTo; queue[free].news = mem.news;
  queue[free].hooks = hookRows; queue[free].cards = cardRows; queue[free].dead = mem.hookDead;
  free = 0
}

inline forgetMessage(m) {
  queue[m].there = false; queue[m].ack = false; queue[m].applied = false; queue[m].acked = false;
  queue[m].seq = 0; queue[m].news = 0; queue[m].hooks = 0; queue[m].cards = 0; queue[m].dead = 0
}

/* What is under way somewhere, of which the outbox only knows that its lease runs. */
#define QUEUED(set) (queue[0].set | queue[1].set)
#define IN(counts) ((counts[1] > 0 -> 1 : 0) | (counts[2] > 0 -> 2 : 0) | (counts[3] > 0 -> 4 : 0))
#define SENDING(s) (senders[s].row == 0 -> 0 : BIT(senders[s].row))
#define HOOKS_UNDER_WAY (toSend | QUEUED(hooks) | IN(hookQueue) | IN(hookPosted) | IN(hookFailed))
#define CARDS_UNDER_WAY (toSend | QUEUED(cards) | IN(cardQueue) | SENDING(0) | SENDING(1))
#define NEWS_UNDER_WAY (toSend != 0 || queue[0].there || queue[1].there)

/* Leases that have come to their end. */
#define HOOKS_DUE WITHOUT(mem.hookOpen, HOOKS_UNDER_WAY)
/* A row that met somebody else's right waits for that to end. */
#define CARDS_DUE (mem.held != 0 -> 0 : WITHOUT(mem.cardOpen, CARDS_UNDER_WAY))
#define BOARD_DUE (mem.boardDue && !NEWS_UNDER_WAY)

/* ---- the action ---- */

inline forgetSender(s) {
  senders[s].row = 0; senders[s].sight = 0; senders[s].unsure = false; senders[s].may = false; senders[s].posted = false
}

/* The rows are as they were last durable. Whoever waited for an answer that speaks of more is told of an error. */
inline crash() {
  crashes--;
  copyRows(mem, disk);
  dirty = false;
  toSend = 0;
#ifdef BUG_ROW_APART
  rowLater = 0;
#endif
  free = 0;
  do
  :: free < 2 ->
     if
     :: senders[free].row != 0 && !senders[free].may -> forgetSender(free)
     :: else
     fi;
     free++
  :: else -> break
  od;
  free = 0
}

/* The first message of an event, lowest first. The Board must know of the first event and of the last. */
inline first() {
  free = 1;
  do
  :: !HAS(toSend, free) -> free++
  :: else -> break
  od;
  toSend = WITHOUT(toSend, BIT(free));
  sending = free;
  enqueue((sending == 1 || sending == EVENTS), sending, mem.hookOpen & BIT(sending), mem.cardOpen & BIT(sending));
#ifdef BUG_CLOSED_WHEN_HANDED_OVER
  mem.hookOpen = WITHOUT(mem.hookOpen, BIT(sending)); dirty = true;
#endif
  sending = 0
}

active proctype Action() {
  byte free, sending;
end:
  do
  /* An event, with its rows and what the Board is owed, in one commit. */
  :: d_step { mem.seq < EVENTS ->
       mem.seq++;
#if HOOK
#ifdef BUG_ROW_APART
       rowLater = rowLater | BIT(mem.seq);
#else
       mem.hookOpen = mem.hookOpen | BIT(mem.seq);
#endif
#endif
#if CARD
       mem.cardOpen = mem.cardOpen | BIT(mem.seq);
#endif
       mem.boardDue = true;
       toSend = toSend | BIT(mem.seq);
       dirty = true
     }
#ifdef BUG_ROW_APART
  :: d_step { rowLater != 0 -> mem.hookOpen = mem.hookOpen | rowLater; rowLater = 0; dirty = true }
#endif
  :: d_step { dirty -> copyRows(disk, mem); dirty = false }
  /* What leaves the object waits until what it speaks of is durable. */
#ifdef BUG_SENT_BEFORE_COMMIT
  :: d_step { toSend != 0 && ROOM -> first() }
#else
  :: d_step { !dirty && WRITTEN && toSend != 0 && ROOM -> first() }
#endif
  :: d_step { crashes > 0 && (dirty || toSend != 0) -> crash() }
  /* The alarm: what was not settled in time is sent again. */
  :: d_step { !dirty && ROOM && (HOOKS_DUE != 0 || CARDS_DUE != 0 || BOARD_DUE) ->
       enqueue(BOARD_DUE, mem.seq, HOOKS_DUE, CARDS_DUE) }
  :: d_step { !dirty && ROOM && early > 0 && (mem.hookOpen != 0 || mem.cardOpen != 0 || mem.boardDue) ->
       early--;
       enqueue(mem.boardDue, mem.seq, mem.hookOpen, mem.cardOpen) }
  od
}


/* What the Board says that it has. News of before there was more to tell confirms nothing of that. */
inline boardHas(seqThen, newsThen) {
  if
  :: seqThen > mem.boardSeq -> mem.boardSeq = seqThen
  :: else
  fi;
  if
#ifndef BUG_OLD_NEWS_CONFIRMS
  :: newsThen < mem.news
#endif
  :: else ->
     if
     :: mem.boardSeq >= mem.seq -> mem.boardDue = false
     :: else
     fi
  fi;
  dirty = true
}

/* ---- whoever takes events off the queue ---- */

active proctype Events() {
  byte m, k;
end:
  do
  :: atomic {
       if
       :: queue[0].there -> m = 0
       :: queue[1].there -> m = 1
       fi;
       if
       /* The Board takes it in. Of two messages of one seq it adds up the dead letters, because either may be the later one. */
       :: !queue[m].applied -> d_step {
            queue[m].applied = true;
            if
#ifdef BUG_BOARD_GOES_BACK
            :: true -> boardKnows = queue[m].seq; boardDead = queue[m].dead
#else
            :: queue[m].seq > boardKnows -> boardKnows = queue[m].seq; boardDead = queue[m].dead
            :: queue[m].seq == boardKnows -> boardDead = boardDead | queue[m].dead
            :: else
#endif
            fi }
       /* And only then the action is told so, where it asked. */
       :: queue[m].applied && queue[m].ack && !queue[m].acked -> d_step {
            boardHas(queue[m].seq, queue[m].news); queue[m].acked = true }
       /* Beside it, one message a row. */
       :: (queue[m].hooks | queue[m].cards) != 0 -> d_step {
            k = 1;
            do
            :: k <= EVENTS ->
               if
               :: HAS(queue[m].hooks, k) -> hookQueue[k]++
               :: else
               fi;
               if
               :: HAS(queue[m].cards, k) -> cardQueue[k]++
               :: else
               fi;
               k++
            :: else -> break
            od;
            queue[m].hooks = 0; queue[m].cards = 0; k = 0 }
       /* The consumer dies, or the queue hands it out twice: what was done is done again. Rows that went on have their own messages. */
       :: again > 0 && (queue[m].applied || queue[m].acked) -> again--; queue[m].applied = false; queue[m].acked = false
       :: losses > 0 -> losses--; forgetMessage(m)
       fi;
       if
       :: d_step { queue[m].applied && (!queue[m].ack || queue[m].acked) && (queue[m].hooks | queue[m].cards) == 0 -> forgetMessage(m) }
       /* Its acknowledgement is lost, and the queue hands it out once more. */
       :: again > 0 && queue[m].applied && (!queue[m].ack || queue[m].acked) && (queue[m].hooks | queue[m].cards) == 0 ->
          again--; queue[m].applied = false; queue[m].acked = false
       :: else
       fi;
       m = 0
     }
  od
}

/* ---- the webhook ---- */

#define WITH(counts, n) :: n <= EVENTS && counts[n] > 0 -> k = n

active proctype Hooks() {
  byte k;
end:
  do
  :: atomic {
       if
       WITH(hookQueue, 1) WITH(hookQueue, 2) WITH(hookQueue, 3)
       fi;
       /* Nobody is told what did not durably happen. */
       assert(k <= disk.seq);
       hookQueue[k]--;
       if
       :: heard = heard | BIT(k); hookPosted[k]++
       /* It arrived, and whoever sent it died with the answer; or it was handed out, and lost. */
       :: again > 0 -> again--; heard = heard | BIT(k)
       :: again > 0 -> again--; heard = heard | BIT(k); hookPosted[k]++; hookQueue[k]++
       :: losses > 0 -> losses--
       :: failures > 0 -> failures--; hookFailed[k]++
       /* The receiver acted on it and did not say so. */
       :: failures > 0 -> failures--; heard = heard | BIT(k); hookFailed[k]++
       fi;
       k = 0
     }
  :: atomic {
       if
       WITH(hookPosted, 1) WITH(hookPosted, 2) WITH(hookPosted, 3)
       fi;
       hookPosted[k]--;
       if
       :: d_step { HAS(mem.hookOpen, k) -> mem.hookOpen = WITHOUT(mem.hookOpen, BIT(k)); dirty = true }
       :: else
       fi;
       k = 0
     }
  /* The second failure of a row is its last: a dead letter, of which the Board has to hear although no event says so. */
  :: atomic {
       if
       WITH(hookFailed, 1) WITH(hookFailed, 2) WITH(hookFailed, 3)
       fi;
       hookFailed[k]--;
       d_step {
         if
         :: !HAS(mem.hookOpen, k)
         :: HAS(mem.hookOpen, k) && !HAS(mem.hookTried, k) -> mem.hookTried = mem.hookTried | BIT(k); dirty = true
         :: else ->
            mem.hookOpen = WITHOUT(mem.hookOpen, BIT(k)); mem.hookDead = mem.hookDead | BIT(k);
            mem.boardDue = true; mem.news++; dirty = true
         fi }
       k = 0
     }
  od
}

/* ---- the channel ---- */

/* Takes the right to send a row; what is to be shown is the action as it is now. */
inline begin(s) {
  if
  :: !HAS(mem.cardOpen, k)
#ifndef BUG_NO_RIGHT
  :: HAS(mem.cardOpen, k) && mem.held != 0
#endif
  :: HAS(mem.cardOpen, k) && mem.held == 0 && mem.shown >= k -> mem.cardOpen = WITHOUT(mem.cardOpen, BIT(k)); dirty = true
  :: else ->
     senders[s].row = k; senders[s].sight = mem.seq;
#ifndef BUG_SURE
     senders[s].unsure = mem.began && mem.shown == 0;
#endif
     mem.held = s + 1; mem.began = true; dirty = true
  fi
}

/* A new card, or the one that is there is edited; whoever is unsure looks for one first. */
inline post(s) {
  if
  :: cards == 0 || (mem.shown == 0 && !senders[s].unsure) -> cards++; assert(cards == 1)
  :: else
  fi;
  assert(senders[s].sight <= disk.seq);
  assert(senders[s].sight >= cardShows);
  cardShows = senders[s].sight;
  senders[s].posted = true
}

/* The card is shown: what it covers is delivered with it, and whoever sent has done. */
inline settle(s) {
  if
  :: senders[s].sight > mem.shown -> mem.shown = senders[s].sight
  :: else
  fi;
  mem.cardOpen = WITHOUT(mem.cardOpen, UP_TO(mem.shown));
  if
#ifdef BUG_ANYBODY_RELEASES
  :: mem.held != 0 -> mem.held = 0
#else
  :: mem.held == s + 1 -> mem.held = 0
#endif
  :: else
  fi;
  dirty = true;
  forgetSender(s)
}

#define RIGHT_LOST (senders[0].row == 0 && senders[1].row == 0)
#define IDLE(s) (senders[s].row == 0)

/* Whoever sends: hears that it may, once the right is durable; posts; tells the action, or dies before. */
#define STEPS_OF(s) \
  :: d_step { !IDLE(s) && !senders[s].may && !dirty -> senders[s].may = true } \
  :: d_step { senders[s].may && !senders[s].posted -> post(s) } \
  :: d_step { senders[s].posted -> settle(s) } \
  :: d_step { !IDLE(s) && again > 0 -> again--; forgetSender(s) }

#define CALLED(n) :: n <= EVENTS && cardQueue[n] > 0 && (IDLE(0) || IDLE(1)) -> k = n

active proctype Channel() {
  byte k, s;
end:
  do
  :: atomic {
       if
       CALLED(1) CALLED(2) CALLED(3)
       fi;
       cardQueue[k]--;
       if
       :: s = (IDLE(0) -> 0 : 1); d_step { begin(s) }
       :: again > 0 -> again--; cardQueue[k]++; s = (IDLE(0) -> 0 : 1); d_step { begin(s) }
       :: losses > 0 -> losses--
       fi;
       k = 0; s = 0
     }
  STEPS_OF(0)
  STEPS_OF(1)
  /* The right runs out. Whoever has it begins nothing any more; what was posted may still be answered. */
  :: d_step { mem.held != 0 && !dirty && (RIGHT_LOST || early > 0) ->
       if
       :: !RIGHT_LOST -> early--
       :: else
       fi;
       mem.held = 0; dirty = true;
       if
       :: senders[0].row != 0 && !senders[0].posted -> forgetSender(0)
       :: else
       fi;
       if
       :: senders[1].row != 0 && !senders[1].posted -> forgetSender(1)
       :: else
       fi
     }
  od
}

/* Everything has come to rest: everybody was told of everything. */
active proctype Rest() {
  timeout;
  assert(!dirty && disk.seq == EVENTS && toSend == 0 && !NEWS_UNDER_WAY);
  assert(disk.hookOpen == 0 && disk.cardOpen == 0 && !disk.boardDue);
#if HOOK
  assert((heard | disk.hookDead) == UP_TO(EVENTS));
#endif
#if CARD
  assert(cards == 1 && cardShows == EVENTS && disk.shown == EVENTS && disk.held == 0);
#endif
  assert(boardKnows == EVENTS && boardDead == disk.hookDead)
}
