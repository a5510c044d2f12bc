/* Cases of a configuration: the contract's example with a few edits, and the
 * pointers of all errors (or warnings) that it must give, no more and no
 * fewer. */
#ifndef CONFIG_CASES_H
#define CONFIG_CASES_H 1

#include "controller/config/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MAX_EDITS 6
#define MAX_EXPECTED 8

struct edit {
    const char *pointer;
    const char *value;          /* JSON, or NULL: remove. */
};

struct test_case {
    struct edit edits[MAX_EDITS];
    const char *expected[MAX_EXPECTED];     /* Pointers, none: accepted. */
};

/* The path of a file of the source tree.  Returns new. */
char *source_path(const char *name);

char *read_source(const char *name);
json_t *load_example(void);
void apply_edit(json_t *json, const struct edit *edit);
size_t sorted_pointers(const struct config_errors *errors,
                       const char **pointers, size_t max);
void print_errors(const struct config_errors *errors);

/* Are the pointers of 'errors' exactly those 'expected' (sorted here)? */
void check_pointers(const struct config_errors *errors,
                    const char *const expected_[MAX_EXPECTED],
                    const char *what);

void run_case(const struct test_case *test, bool warnings_expected);

#define RUN_CASES(CASES) \
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) { \
        run_case(&CASES[i], false); \
    }

#define GOOD(POINTER, VALUE) { { { POINTER, VALUE } }, { NULL } }
#define BAD(POINTER, VALUE) { { { POINTER, VALUE } }, { POINTER } }
#define BAD_AT(POINTER, VALUE, AT) { { { POINTER, VALUE } }, { AT } }

#define METRO "/segments/metro"
#define A_UPLINK "/routers/A/uplink"

/* A second segment that is apart from "metro" by its tags alone, and C, a
 * router that shares nothing. */
#define ROUTER_C \
    "{\"datapath_id\":\"000000000000000c\",\"mac\":\"02:00:00:00:00:0c\"," \
    "\"access_ports\":[\"c-access\"],\"uplink\":{\"port\":\"c-uplink\"," \
    "\"address\":\"192.0.2.4/24\",\"next_hop\":\"192.0.2.1\"}}"
#define SEGMENT(GATEWAY, PREFIX, MORE) \
    "{\"gateway\":\"" GATEWAY "\",\"prefixes\":[\"" PREFIX "\"]," MORE "}"
#define ON_A(ADDRESS) \
    "\"routers\":{\"A\":{\"address\":\"" ADDRESS "\"}}"
#define ON_C(ADDRESS) \
    "\"routers\":{\"C\":{\"address\":\"" ADDRESS "\"}}"

/* The text gives 'pointer' as its first error, with a text that contains
 * 'part'. */
void assert_first_error(const char *text, size_t len, const char *pointer,
                        const char *part);

#endif /* tests/unit/config_cases.h */
