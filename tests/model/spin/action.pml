/*
 * One action and everybody who talks to it, for Spin. tests/model/spin.test.ts runs it; docs/spin.md says what is modelled and
 * what is not.
 *
 * Callers send their calls again under the same key until they are answered. Copies of a call are late, doubled, overtaken and lost.
 * The object does one command at a time: in memory first (`mem`), durable later (`disk`), and its output gate holds the answer back
 * until then. A crash forgets what is only in memory. The names of states and commands, and which command leads where, are those of
 * the real machine: edges.pml is made from its table, and every move here is held against it.
 *
 * Sizes (-D): CRASHES, DUPLICATES, LOSSES, EARLY (alarms): how often it happens. WITH_ALARM: 0 none ever goes off. AGAIN: alice votes a second time, under another key. OPERATOR: 1
 * somebody cancels or revokes, 2 somebody rolls back and an executor does that. EXECUTORS: 1 or 2. CHANGE: the world may change.
 * BUG_...: one mistake each, which must be found.
 */
#include "edges.pml"

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef DUPLICATES
#define DUPLICATES 1
#endif
#ifndef LOSSES
#define LOSSES 0
#endif
#ifndef EARLY
#define EARLY 0
#endif
#ifndef WITH_ALARM
#define WITH_ALARM 1
#endif
#ifndef AGAIN
#define AGAIN 0
#endif
#ifndef OPERATOR
#define OPERATOR 0
#endif
#ifndef EXECUTORS
#define EXECUTORS 1
#endif
#ifndef CHANGE
#define CHANGE 0
#endif

/*
 * Every clock counts down, in steps of no length in particular, and at OVER its time has come: intervals are half-open. So there is no
 * time of day, and no end of time.
 */
#define OVER 0
#define PENDING_TTL 2
#define APPROVAL_TTL 1
#define LEASE_TTL 1
#define ROLLBACK_WINDOW 1
#define NEVER 99
#define TO_COME(clock) (clock != NEVER && clock > OVER)

/* People and executors, as bits of a set. */
#define ALICE 1
#define BOB 2
#define NOBODY 0

/* Every call that is ever made; each has a key of its own, and is a bit in `marks`. */
#define CREATE 0
#define VOTE_ALICE 1
#define VOTE_BOB 2
#define VOTE_AGAIN 3
#define CLAIM 4        /* and 5, of the second executor */
#define REPORT 6       /* and 7 */
#define STOP 8
#define ROLLBACK 9
#define UNDO_CLAIM 10
#define UNDO_REPORT 11
#define CALLS 12
#define BIT(call) (1 << (call))

/* What an answer says. A claim that was granted is answered with GRANTED and its fence. */
#define NONE 0
#define DONE 1
#define REFUSED 2
#define GRANTED 3

/* The world as the Registry has it: as it was; with a kill switch engaged; with alice out of her group. */
#define AS_IT_WAS 0
#define KILLED 1
#define ALICE_LEFT 2

/* Where a copy of a call is: nowhere, at a Worker that has still to look up the facts, or on its way to the object with them. */
#define NOWHERE 0
#define AT_WORKER 1
#define WITH_FACTS 2
#define SEEN_APPROVED 8

/* What is in the object's storage. `took` is a ghost: which calls have had an effect, whatever the marks say of it. */
typedef Rows {
  mtype state = new;
  byte seq;
  byte approvals;
  byte ends = NEVER;     /* the deadline of the state it is in */
  byte lease;            /* who holds it; 3 is the executor that undoes */
  byte lastLease;
  byte fence;
  bool reported;         /* by the executor, so that it cannot be said otherwise */
  bool unknown;          /* failed{unknown}: a late report may still settle it */
  short marks;
  short took;
  byte alarm = NEVER;    /* the platform's */
  byte alarmAt = NEVER;  /* what the object believes of it */
};
Rows mem, disk;
bool dirty;              /* mem is ahead of disk */

byte copies[24];         /* two of each call */
byte gated[CALLS];       /* answers that wait for the write they speak of */
byte answers[CALLS];     /* on their way to the caller */
bool waiting[CALLS];     /* the caller still listens */

byte world = AS_IT_WAS;
byte crashes = CRASHES, duplicates = DUPLICATES, losses = LOSSES, early = EARLY;
byte left = 3 + AGAIN + EXECUTORS + (OPERATOR > 0); /* callers that have not finished */
byte effects, undone;    /* what was done to the target */
byte grants[2];          /* how long each executor's grant is still good */
bool lateClaim[2];       /* it was first sent after the world had changed */
bool wrongDigest[2];
bool aliceDenies, bobDenies, failing;
short acknowledged;
#ifdef BUG_MARK_APART
byte markLater = NONE;
#endif
#ifdef BUG_ALARM_FIRST
bool settleLater;
#endif

inline copyRows(to, from) {
  to.state = from.state; to.seq = from.seq; to.approvals = from.approvals; to.ends = from.ends;
  to.lease = from.lease; to.lastLease = from.lastLease; to.fence = from.fence; to.reported = from.reported;
  to.unknown = from.unknown; to.marks = from.marks; to.took = from.took; to.alarm = from.alarm; to.alarmAt = from.alarmAt
}

/* ---- the machine: what step() does, on mem ---- */

/* One event. Every one of them is an arrow of the real table. */
inline move(command, to) {
  assert(PERMITTED(mem.state, command, to));
  mem.state = to;
  mem.seq++;
  dirty = true
}

/* Deadlines that have passed become events before anything else is looked at. */
inline settle() {
  if
  :: mem.state == pending && mem.ends == OVER -> move(tick, expired); mem.ends = NEVER
  :: mem.state == approved && mem.ends == OVER -> move(tick, expired); mem.ends = NEVER
  :: mem.state == executing && mem.ends == OVER ->
     move(tick, failed); mem.ends = NEVER; mem.unknown = true; mem.lastLease = mem.lease; mem.lease = NOBODY
  :: mem.state == rolling_back && mem.ends == OVER ->
     move(tick, rollback_failed); mem.ends = NEVER; mem.lastLease = mem.lease; mem.lease = NOBODY
  :: else
  fi
}

/* The alarm is part of the commit: it is set to the next deadline, unless it is believed to be set for then or earlier. */
inline arm() {
  if
  :: mem.ends == NEVER && TO_COME(mem.alarmAt) -> mem.alarm = NEVER; mem.alarmAt = NEVER; dirty = true
  :: mem.ends != NEVER && !(TO_COME(mem.alarmAt) && mem.alarmAt <= mem.ends) ->
     mem.alarm = mem.ends; mem.alarmAt = mem.ends; dirty = true
  :: else
  fi
}

/* Who of those who approved counts, in a world: distinct people, and nobody who has left. */
#define COUNTED(facts) (mem.approvals & (facts == ALICE_LEFT -> BOB : ALICE | BOB))
#ifdef BUG_COUNT_VOTES
#define QUORUM(facts) (mem.approvals >= 2)
#else
#define QUORUM(facts) (COUNTED(facts) == (ALICE | BOB))
#endif

/* It was carried out: the mark of its key is a row of the same commit. */
inline carriedOut(call, said) {
  mem.took = mem.took | BIT(call);
#ifdef BUG_MARK_APART
  markLater = call;
#else
  mem.marks = mem.marks | BIT(call);
#endif
  reply = said
}

/* With a kill switch in what was looked up, whatever has not begun to run waits for nobody any more. */
inline obey(facts) {
  if
  :: facts == KILLED && (mem.state == pending || mem.state == approved) -> move(stopByPolicy, cancelled); mem.ends = NEVER
  :: else
  fi
}

inline onVote(call, person, denies, facts) {
  if
  :: mem.state != pending -> reply = REFUSED
  :: mem.state == pending && facts == ALICE_LEFT && person == ALICE -> reply = REFUSED
  :: else ->
     if
     :: denies -> move(vote, denied); mem.ends = NEVER
     :: else ->
#ifdef BUG_COUNT_VOTES
        mem.approvals++;
#else
        mem.approvals = COUNTED(facts) | person;
#endif
        if
        :: QUORUM(facts) -> move(vote, approved); mem.ends = APPROVAL_TTL
        :: else -> move(vote, pending)
        fi
     fi;
     carriedOut(call, DONE)
  fi
}

/* I1, I3, I10 and the binding, at the one place where something begins to run. */
inline grant(call, e) {
  assert(mem.fence == 0);
  assert(mem.approvals == (ALICE | BOB));
  assert(!wrongDigest[e]);
  assert(mem.ends != OVER);
  assert(!lateClaim[e]);
  move(claim, executing);
  mem.fence++;
  mem.lease = e + 1;
  mem.ends = LEASE_TTL;
  grants[e] = LEASE_TTL;
  carriedOut(call, GRANTED + mem.fence)
}

inline onClaim(call, e, facts, seen) {
  if
#ifdef BUG_CHECK_BEFORE_AWAIT
  :: seen && !wrongDigest[e] -> grant(call, e)
#endif
  :: mem.state == approved && !seen ->
     if
#ifndef BUG_DIGEST
     :: wrongDigest[e] -> reply = REFUSED
#endif
     :: else ->
        if
        :: !QUORUM(facts) -> move(claim, cancelled); mem.ends = NEVER; reply = REFUSED
        :: else -> grant(call, e)
        fi
     fi
  :: else -> reply = REFUSED
  fi
}

inline onReport(call, e) {
  if
  :: mem.state == executing && mem.lease == e + 1 ->
     if
     :: failing -> move(report, failed)
     :: else -> move(report, executed)
     fi;
     mem.lastLease = mem.lease; mem.lease = NOBODY; mem.reported = true;
     mem.ends = NEVER;
     carriedOut(call, DONE)
  :: mem.state == failed && mem.unknown && !mem.reported && mem.lastLease == e + 1 ->
     if
     :: failing -> move(report, failed)
     :: else -> move(report, executed)
     fi;
     mem.unknown = false; mem.reported = true;
     carriedOut(call, DONE)
  :: else -> reply = REFUSED
  fi
}

inline onStop() {
  if
  :: mem.state == pending -> move(cancel, cancelled); mem.ends = NEVER; carriedOut(STOP, DONE)
  :: mem.state == approved -> move(revoke, cancelled); mem.ends = NEVER; carriedOut(STOP, DONE)
  :: else -> reply = REFUSED
  fi
}

inline onUndo(call) {
  if
  :: call == ROLLBACK && (mem.state == executed || mem.state == failed) ->
     move(rollback, rolling_back); mem.lease = NOBODY; mem.ends = ROLLBACK_WINDOW; carriedOut(call, DONE)
  :: call == UNDO_CLAIM && mem.state == rolling_back && mem.lease == NOBODY ->
     move(claim, rolling_back); mem.fence++; mem.lease = 3; mem.ends = LEASE_TTL;
     carriedOut(call, GRANTED + mem.fence)
  :: call == UNDO_REPORT && mem.state == rolling_back && mem.lease == 3 ->
     move(report, rolled_back); mem.lastLease = 3; mem.lease = NOBODY; mem.ends = NEVER; carriedOut(call, DONE)
  :: else -> reply = REFUSED
  fi
}

/* One command, from the first read to the commit: nothing is awaited in between. */
inline carryOut(call, facts, seen) {
  reply = REFUSED;
  if
  :: (mem.marks & BIT(call)) != 0 ->
     /* The first answer again: of a claim the fence it was given, of which there is one of each kind. */
     if
     :: call == CLAIM || call == CLAIM + 1 -> reply = GRANTED + 1
     :: call == UNDO_CLAIM -> reply = GRANTED + 2
     :: else -> reply = DONE
     fi
  :: else ->
     /* What has had its effect is never judged again. */
     assert((mem.took & BIT(call)) == 0);
     if
     :: call == CREATE && mem.state == new ->
        move(create, pending); mem.ends = PENDING_TTL; carriedOut(CREATE, DONE)
     :: else ->
        /* Whoever else calls does so after the request was acknowledged. */
        assert(mem.state != new);
#ifndef BUG_DEADLINE_BY_ALARM
        settle();
#endif
        obey(facts);
        if
        :: call == VOTE_ALICE -> onVote(call, ALICE, aliceDenies, facts)
        :: call == VOTE_AGAIN -> onVote(call, ALICE, false, facts)
        :: call == VOTE_BOB -> onVote(call, BOB, bobDenies, facts)
        :: call == CLAIM || call == CLAIM + 1 -> onClaim(call, call - CLAIM, facts, seen)
        :: call == REPORT || call == REPORT + 1 -> onReport(call, call - REPORT)
        :: call == STOP -> onStop()
        :: call >= ROLLBACK -> onUndo(call)
        fi
     fi
  fi;
  arm()
}

/* ---- the object: commands, the write that becomes durable, answers that leave, the alarm, and crashes ---- */

/* It forgets what is only in memory: the rows are as they were last durable, and nobody hears of the rest. */
inline crash() {
  crashes--;
  copyRows(mem, disk);
  dirty = false;
#ifdef BUG_MARK_APART
  markLater = NONE;
#endif
#ifdef BUG_ALARM_FIRST
  settleLater = false;
#endif
  i = 0;
  do
  :: i < CALLS -> gated[i] = NONE; i++
  :: else -> break
  od;
  i = 0; reply = 0
}

#define GATED(call) (gated[call] != NONE)
#define ANY_GATED (GATED(0) || GATED(1) || GATED(2) || GATED(3) || GATED(4) || GATED(5) || GATED(6) || GATED(7) || GATED(8) || \
  GATED(9) || GATED(10) || GATED(11))

#define ARRIVED(n) :: copies[n] >= WITH_FACTS -> slot = n

active proctype Action() {
  byte slot, reply, facts, i;
end:
  do
  /* A copy of a call arrives, whichever. */
  :: atomic {
       if
       ARRIVED(0) ARRIVED(1) ARRIVED(2) ARRIVED(3) ARRIVED(4) ARRIVED(5) ARRIVED(6) ARRIVED(7)
       ARRIVED(8) ARRIVED(9) ARRIVED(10) ARRIVED(11) ARRIVED(12) ARRIVED(13) ARRIVED(14) ARRIVED(15)
       ARRIVED(16) ARRIVED(17) ARRIVED(18) ARRIVED(19) ARRIVED(20) ARRIVED(21) ARRIVED(22) ARRIVED(23)
       fi;
       d_step {
         facts = (copies[slot] & 7) - WITH_FACTS;
         carryOut(slot / 2, facts, (copies[slot] & SEEN_APPROVED) != 0);
         copies[slot] = NOWHERE;
         if
         :: !waiting[slot / 2]
         :: else ->
#ifdef BUG_ACK_BEFORE_COMMIT
            answers[slot / 2] = reply
#else
            gated[slot / 2] = reply
#endif
         fi;
         slot = 0; reply = 0; facts = 0
       }
     }
  /* The write has become durable. */
  :: d_step { dirty -> copyRows(disk, mem); dirty = false }
  /* And so the gate opens. */
  :: d_step { !dirty && ANY_GATED ->
       do
       :: i < CALLS ->
          if
          :: gated[i] != NONE -> answers[i] = gated[i]; gated[i] = NONE
          :: else
          fi;
          i++
       :: else -> break
       od;
       i = 0
     }
#ifdef BUG_MARK_APART
  :: d_step { markLater != NONE -> mem.marks = mem.marks | BIT(markLater); markLater = NONE; dirty = true }
#endif
  :: d_step { crashes > 0 && (dirty || ANY_GATED) -> crash() }
  /*
   * The alarm goes off, at its time or a little before it by another machine's clock. The platform lets go of it when its handler
   * has come to an end, and calls it again after a crash: that is the commit here.
   */
  :: d_step { WITH_ALARM && !dirty && disk.alarm != NEVER && (disk.alarm == OVER || early > 0) ->
       if
       :: disk.alarm > OVER -> early--
       :: else
       fi;
       mem.alarm = NEVER;
       dirty = true;
#ifndef BUG_EARLY_ALARM
       if
       :: TO_COME(mem.alarmAt) -> mem.alarmAt = NEVER
       :: else
       fi;
#endif
#ifdef BUG_ALARM_FIRST
       mem.alarmAt = NEVER;
       settleLater = true
#else
       settle();
       arm()
#endif
     }
#ifdef BUG_ALARM_FIRST
  :: d_step { settleLater && !dirty -> settleLater = false; settle(); arm() }
#endif
  od
}

/* ---- those who call ---- */

#define UNDER_WAY(call) (copies[2 * (call)] != NOWHERE || copies[2 * (call) + 1] != NOWHERE || gated[call] != NONE || answers[call] != NONE)
/* A claim is judged by what the Registry says after it has come in; everything else by what the Worker has known for a while. */
#define FIRST_STOP(call) ((call == CLAIM || call == CLAIM + 1) -> AT_WORKER : WITH_FACTS)

/* A vote is judged by a snapshot, which may be of any age that it was ever true at. */
inline put(call, second) {
  if
  :: copies[2 * (call) + second] = FIRST_STOP(call)
  :: world != AS_IT_WAS && FIRST_STOP(call) == WITH_FACTS -> copies[2 * (call) + second] = WITH_FACTS + world
  fi
}

/* Sends one call until it is answered. */
inline ask(call) {
  atomic { waiting[call] = true; put(call, 0) }
  do
  :: atomic { answers[call] != NONE ->
       got = answers[call]; answers[call] = NONE; waiting[call] = false;
       if
       :: got != REFUSED ->
          /* I11: what is acknowledged is in the rows. */
          assert((disk.took & BIT(call)) != 0);
          acknowledged = acknowledged | BIT(call)
       :: else
       fi };
     break
  /* Nothing of it is left anywhere: the caller's patience ends, and it sends the call again. */
  :: atomic { !UNDER_WAY(call) -> put(call, 0) }
  /* Or it ends too early. */
  :: atomic { duplicates > 0 && copies[2 * (call) + 1] == NOWHERE -> duplicates--; put(call, 1) }
  od
}


proctype Agent() {
  byte got;
  ask(CREATE);
  assert(got == DONE);
  left--
}

/* Whoever comes in after the request was acknowledged. */
#define ASKED ((acknowledged & BIT(CREATE)) != 0)

proctype Voter(byte call) {
  byte got;
  ASKED;
  if
  :: ask(call)
  :: true /* never says a word */
  fi;
  left--
}

/* The executor does it to the target, while its grant is good. I1, I3, I10: once, and only what durably is executing under it. */
inline perform(e, fence) {
  if
  :: grants[e] > OVER ->
     assert(disk.state == executing && disk.lease == e + 1 && disk.fence == fence);
     effects++;
     assert(effects == 1)
  :: else
  fi
}

proctype Executor(byte e) {
  byte got, fence;
  bool dies;
  /* The first one waits to be told; the second one just tries. */
  atomic { ASKED && (e == 1 || !WITH_ALARM || (disk.state != new && disk.state != pending)) -> lateClaim[e] = (world != AS_IT_WAS) }
  ask(CLAIM + e);
  if
  :: got >= GRANTED ->
     fence = got - GRANTED;
     atomic {
       if
       :: true -> perform(e, fence)
       :: dies = true
       fi
     }
     if
     :: !dies -> ask(REPORT + e)
     :: else
     fi
  :: else
  fi;
  left--
}

proctype Stopper() {
  byte got;
  ASKED;
  if
  :: ask(STOP)
  :: true
  fi;
  left--
}

/* Somebody who has seen it run has it undone, and an executor does that. */
proctype Undoer() {
  byte got;
  if
  :: ASKED && (disk.state == executed || disk.state == failed)
  :: disk.state == denied || disk.state == cancelled || disk.state == expired -> goto done
  fi;
  ask(ROLLBACK);
  if
  :: got == DONE ->
     ask(UNDO_CLAIM);
     if
     :: got >= GRANTED -> atomic { undone++; assert(undone == 1 && disk.fence == got - GRANTED) } ask(UNDO_REPORT)
     :: else
     fi
  :: else
  fi;
done:
  left--
}

/* ---- what happens by itself ---- */

/* A Worker that has a claim asks the Registry, and hands it on with what it heard; or it is gone, and the call with it. */
#define ASKS(n) :: copies[n] == AT_WORKER -> slot = n

active proctype Worker() {
  byte slot;
end:
  do
  :: atomic {
       if
       ASKS(8) ASKS(9) ASKS(10) ASKS(11)
       fi;
       if
       :: copies[slot] = WITH_FACTS + world
#ifdef BUG_CACHED_FACTS
       :: copies[slot] = WITH_FACTS + AS_IT_WAS
#endif
#ifdef BUG_CHECK_BEFORE_AWAIT
       :: mem.state == approved && QUORUM(world) -> copies[slot] = WITH_FACTS + world + SEEN_APPROVED
#endif
       fi;
       slot = 0
     }
  od
}

#define LOST(n) :: losses > 0 && copies[n] != NOWHERE -> copies[n] = NOWHERE
#define UNHEARD(call) :: losses > 0 && answers[call] != NONE -> answers[call] = NONE

active proctype Network() {
end:
  do
  :: atomic {
       if
       LOST(0) LOST(1) LOST(2) LOST(3) LOST(4) LOST(5) LOST(6) LOST(7) LOST(8) LOST(9) LOST(10) LOST(11)
       LOST(12) LOST(13) LOST(14) LOST(15) LOST(16) LOST(17) LOST(18) LOST(19) LOST(20) LOST(21) LOST(22) LOST(23)
       UNHEARD(0) UNHEARD(1) UNHEARD(2) UNHEARD(3) UNHEARD(4) UNHEARD(5) UNHEARD(6) UNHEARD(7) UNHEARD(8)
       UNHEARD(9) UNHEARD(10) UNHEARD(11)
       fi;
       losses--
     }
  od
}

#define GRANTED_STILL (grants[0] > OVER || grants[1] > OVER)
#define RUNS(rows) (TO_COME(rows.ends) || TO_COME(rows.alarm) || TO_COME(rows.alarmAt))

inline pass(clock) {
  if
  :: TO_COME(clock) -> clock--
  :: else
  fi
}

active proctype Clock() {
end:
  do
  :: d_step { RUNS(mem) || RUNS(disk) || GRANTED_STILL ->
       pass(mem.ends); pass(mem.alarm); pass(mem.alarmAt); pass(disk.ends); pass(disk.alarm); pass(disk.alarmAt);
       pass(grants[0]); pass(grants[1]) }
  od
}

active proctype Registry() {
  if
  :: CHANGE && world == AS_IT_WAS -> world = KILLED
  :: CHANGE && world == AS_IT_WAS -> world = ALICE_LEFT
  :: true
  fi
}

/* Everything has come to rest, with the clock at its end: everybody was answered, and nothing waits that time should have ended. */
active proctype Rest() {
  timeout;
  assert(left == 0 && !dirty);
  assert(mem.seq == disk.seq && mem.state == disk.state);
  assert((acknowledged & disk.marks) == acknowledged && disk.marks == disk.took);
  assert(effects <= 1 && (effects == 0 || disk.fence >= 1));
#if WITH_ALARM
  assert(disk.state != new && disk.state != pending && disk.state != approved && disk.state != executing && disk.state != rolling_back);
#endif
}

init {
  atomic {
    if
    :: aliceDenies = true
    :: aliceDenies = false
    fi;
    if
    :: bobDenies = true
    :: bobDenies = false
    fi;
    if
    :: failing = true
    :: failing = false
    fi;
    if
    :: EXECUTORS == 2 -> wrongDigest[1] = true
    :: wrongDigest[1] = false
    fi;
    run Agent();
    run Voter(VOTE_ALICE);
    run Voter(VOTE_BOB);
    run Executor(0);
    if
    :: AGAIN -> run Voter(VOTE_AGAIN)
    :: else
    fi;
    if
    :: EXECUTORS == 2 -> run Executor(1)
    :: else
    fi;
    if
    :: OPERATOR == 1 -> run Stopper()
    :: OPERATOR == 2 -> run Undoer()
    :: else
    fi
  }
}
