/* Learnt clients go to the database that several controllers share, as the
 * journal tells of them: another controller that comes to lead knows them
 * then, even if the bridge that served them has died with the one before. */
#ifndef LEARNT_H
#define LEARNT_H 1

struct dbstore;
struct engine;
struct learnt;

/* Both are borrowed. */
struct learnt *learnt_create(struct engine *, struct dbstore *);
void learnt_destroy(struct learnt *);   /* NULL is fine. */

/* The engine is told of those that are in the database. */
void learnt_recall(struct learnt *);

#endif /* controller/daemon/learnt.h */
