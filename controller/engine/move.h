/* A client moves from one router to the next. */
#ifndef MOVE_H
#define MOVE_H 1

#include "controller/engine/engine_private.h"

/* Names the winner of an election and sets out to make it the active one. */
void move_begin(struct engine *, struct client *, int winner,
                enum incident_cause);
/* Tells core and client once more of the active router, which holds the
 * flows. */
void move_resume(struct engine *, struct client *);
/* Does so if the client waits for it and all is there that is needed. */
void move_resume_if_due(struct engine *, struct client *);
/* Was the decision made so short a time ago that the takeover may have been
 * cut short by our end? */
bool move_is_recent(const struct engine *, uint32_t decision);
/* Tells of the election or the move that is under way, if the winner has the
 * flows: before anything else is told of the client. */
void move_report_if_installed(struct engine *, struct client *);
void move_act(struct engine *, struct client *, struct takeover_actions *);
void move_told(struct engine *, struct client *);
void move_acked(struct engine *, struct client *, size_t member);
void move_installed(struct engine *, struct client *, struct router *,
                    bool ok);
/* Is the takeover's deadline put off, because it would repeat a notice while
 * too many answers are under way?  Those that were first told in one go would
 * be told again in one go, and their answers lost once more. */
bool move_waits(struct engine *, struct client *);
/* Answers the request that was noted, if the active router heard it. */
void move_answer_asked(struct engine *, struct client *);
/* The client answers at another MAC from now on (zero: whoever answers). */
void move_follow(struct engine *, struct client *, struct eth_addr mac);

#endif /* controller/engine/move.h */
