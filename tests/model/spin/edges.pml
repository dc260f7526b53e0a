mtype = { new, pending, approved, denied, cancelled, expired, executing, executed, failed, rolling_back, rolled_back, rollback_failed };
mtype = { create, vote, cancel, revoke, stopByPolicy, claim, report, rollback, tick };
#define PERMITTED(from, command, to) (true)
