/* guest.h - the scenarios once more, for what they do to the host. */
#ifndef FM_TESTS_GUEST_H
#define FM_TESTS_GUEST_H

#include "oom.h"

#include <check.h>

/* Set while the host's state is watched: after every call of a scenario. */
extern void (*after_call)(const char *call);

extern const scenario_fn scenarios[];
extern const int n_scenarios;

TCase *guest_tests(void);

#endif
