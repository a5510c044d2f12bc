/* controller/base/wheel: the timer wheel, in virtual time. */
#include <config.h>

#include "controller/base/wheel.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <firsthop/buf.h>

#define HOUR_MS INT64_C(3600000)

/* What fired, in order. */
struct log {
    struct wheel *wheel;
    size_t n;
    int64_t at_ms[64];          /* What the timer was armed for. */
    int64_t now_ms[64];         /* What fire() was told. */
};

static void
log_fire(struct wheel_timer *timer, int64_t now_ms, void *log_)
{
    struct log *log = log_;

    assert_false(wheel_is_armed(timer));
    assert_true(log->n < 64);
    log->at_ms[log->n] = timer->at_ms;
    log->now_ms[log->n++] = now_ms;
}

static struct wheel *
create(struct log *log, int64_t now_ms)
{
    memset(log, 0, sizeof *log);
    log->wheel = wheel_create(now_ms, log);
    return log->wheel;
}

static void
timer_fires_at_its_time_and_not_before(void **state)
{
    static const int64_t delays_ms[] = {
        1, 2, 63, 64, 65, 100, 1000, 4095, 4096, 4097, 262143, 262144,
        HOUR_MS, 24 * HOUR_MS, INT64_C(1) << 36, INT64_C(1) << 50,
    };
    static const int64_t starts_ms[] = {
        0, 1, 63, 64, 4095, 12345678901, (INT64_C(1) << 36) - 1, -1, -4096,
    };

    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        for (size_t j = 0; j < sizeof starts_ms / sizeof *starts_ms; j++) {
            struct wheel_timer timer = { .fire = log_fire };
            int64_t at_ms = starts_ms[j] + delays_ms[i];
            struct log log;
            struct wheel *wheel = create(&log, starts_ms[j]);

            wheel_arm(wheel, &timer, at_ms);
            wheel_advance(wheel, at_ms - 1);
            assert_int_equal(log.n, 0);
            assert_true(wheel_is_armed(&timer));
            wheel_advance(wheel, at_ms);
            assert_int_equal(log.n, 1);
            assert_int_equal(log.now_ms[0], at_ms);
            assert_false(wheel_is_armed(&timer));
            wheel_advance(wheel, at_ms + 1);
            assert_int_equal(log.n, 1);
            wheel_destroy(wheel);
        }
    }
}

static void
timers_passed_by_one_jump_fire_in_order(void **state)
{
    static const int64_t at_ms[] = {
        HOUR_MS, 1, 5000, 64, 63, 2 * HOUR_MS, 4096, 4095, 70, 999,
    };
    enum { N = sizeof at_ms / sizeof *at_ms };
    struct wheel_timer timers[N] = { { .fire = NULL } };
    struct log log;
    struct wheel *wheel = create(&log, 0);

    for (size_t i = 0; i < N; i++) {
        timers[i].fire = log_fire;
        wheel_arm(wheel, &timers[i], at_ms[i]);
    }
    wheel_advance(wheel, 10 * HOUR_MS);
    assert_int_equal(log.n, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(!i || log.at_ms[i - 1] <= log.at_ms[i]);
        assert_int_equal(log.now_ms[i], 10 * HOUR_MS);
    }
    wheel_destroy(wheel);
}

static void
timer_for_the_present_or_past_fires_though_time_stands_still(void **state)
{
    struct wheel_timer present = { .fire = log_fire };
    struct wheel_timer past = { .fire = log_fire };
    struct log log;
    struct wheel *wheel = create(&log, 1000);

    wheel_arm(wheel, &present, 1000);
    wheel_arm(wheel, &past, -1000);
    assert_int_equal(log.n, 0);
    assert_int_equal(wheel_next_ms(wheel), 1000);
    wheel_advance(wheel, 1000);
    assert_int_equal(log.n, 2);
    wheel_destroy(wheel);
}

static void
time_that_goes_back_counts_as_standing_still(void **state)
{
    struct wheel_timer timer = { .fire = log_fire };
    struct wheel_timer overdue = { .fire = log_fire };
    struct log log;
    struct wheel *wheel = create(&log, 1000);

    wheel_arm(wheel, &timer, 1001);
    wheel_arm(wheel, &overdue, 900);
    wheel_advance(wheel, 500);
    assert_int_equal(log.n, 1);
    assert_int_equal(log.now_ms[0], 1000);
    wheel_advance(wheel, 1001);
    assert_int_equal(log.n, 2);
    wheel_destroy(wheel);
}

static void
cancelled_timer_does_not_fire(void **state)
{
    struct wheel_timer timer = { .fire = log_fire };
    struct wheel_timer never = { .fire = log_fire };
    struct log log;
    struct wheel *wheel = create(&log, 0);

    wheel_cancel(&never);
    wheel_arm(wheel, &timer, 10);
    assert_int_equal(wheel_armed(wheel), 1);
    wheel_cancel(&timer);
    wheel_cancel(&timer);
    assert_false(wheel_is_armed(&timer));
    assert_int_equal(wheel_armed(wheel), 0);
    assert_int_equal(wheel_next_ms(wheel), INT64_MAX);
    wheel_advance(wheel, 20);
    assert_int_equal(log.n, 0);
    wheel_destroy(wheel);
}

static void
rearmed_timer_fires_once_at_the_new_time(void **state)
{
    struct wheel_timer timer = { .fire = log_fire };
    struct log log;
    struct wheel *wheel = create(&log, 0);

    assert_true(wheel_due_ms(&timer) == INT64_MAX);
    wheel_arm(wheel, &timer, 10);
    assert_int_equal(wheel_due_ms(&timer), 10);
    wheel_arm(wheel, &timer, 5000);
    assert_int_equal(wheel_due_ms(&timer), 5000);
    assert_int_equal(wheel_armed(wheel), 1);
    wheel_advance(wheel, 4999);
    assert_int_equal(log.n, 0);
    wheel_arm(wheel, &timer, 5001);
    wheel_advance(wheel, 5000);
    assert_int_equal(log.n, 0);
    wheel_advance(wheel, 5001);
    assert_int_equal(log.n, 1);
    assert_true(wheel_due_ms(&timer) == INT64_MAX);
    wheel_destroy(wheel);
}

/* Fires at once, every time. */
static void
rearm_for_now(struct wheel_timer *timer, int64_t now_ms, void *log_)
{
    struct log *log = log_;

    log_fire(timer, now_ms, log);
    wheel_arm(log->wheel, timer, now_ms);
}

static void
timer_that_rearms_itself_for_now_fires_once_in_each_advance(void **state)
{
    struct wheel_timer timer = { .fire = rearm_for_now };
    struct log log;
    struct wheel *wheel = create(&log, 0);

    wheel_arm(wheel, &timer, 10);
    wheel_advance(wheel, HOUR_MS);
    assert_int_equal(log.n, 1);
    assert_int_equal(wheel_next_ms(wheel), HOUR_MS);
    wheel_advance(wheel, HOUR_MS);
    assert_int_equal(log.n, 2);
    wheel_advance(wheel, HOUR_MS + 1);
    assert_int_equal(log.n, 3);
    wheel_destroy(wheel);
}

/* An object with two timers that goes away when either fires. */
struct object {
    struct wheel_timer probe, expiry;
};

static void
probe_fire(struct wheel_timer *timer, int64_t now_ms, void *log_)
{
    struct object *object = (void *)
        ((char *) timer - offsetof(struct object, probe));

    log_fire(timer, now_ms, log_);
    wheel_cancel(&object->expiry);
    free(object);
}

static void
expiry_fire(struct wheel_timer *timer, int64_t now_ms, void *log_)
{
    struct object *object = (void *)
        ((char *) timer - offsetof(struct object, expiry));

    log_fire(timer, now_ms, log_);
    wheel_cancel(&object->probe);
    free(object);
}

static void
fire_may_free_an_object_with_another_timer_due_in_the_same_slot(void **state)
{
    enum { N = 10 };
    struct log log;
    struct wheel *wheel = create(&log, 0);

    for (size_t i = 0; i < N; i++) {
        struct object *object = fh_xcalloc(1, sizeof *object);

        object->probe.fire = probe_fire;
        object->expiry.fire = expiry_fire;
        wheel_arm(wheel, i & 1 ? &object->probe : &object->expiry, 100);
        wheel_arm(wheel, i & 1 ? &object->expiry : &object->probe, 100);
    }
    assert_int_equal(wheel_armed(wheel), 2 * N);
    wheel_advance(wheel, 100);
    assert_int_equal(log.n, N);
    assert_int_equal(wheel_armed(wheel), 0);
    wheel_destroy(wheel);
}

struct pair {
    struct wheel_timer first, second;
};

/* Puts the other timer of the pair off. */
static void
put_off_second(struct wheel_timer *timer, int64_t now_ms, void *log_)
{
    struct pair *pair = (void *)
        ((char *) timer - offsetof(struct pair, first));
    struct log *log = log_;

    log_fire(timer, now_ms, log);
    wheel_arm(log->wheel, &pair->second, now_ms + 1);
}

static void
timer_put_off_by_an_earlier_one_does_not_fire_in_this_advance(void **state)
{
    struct pair pair = {
        .first.fire = put_off_second, .second.fire = log_fire
    };
    struct log log;
    struct wheel *wheel = create(&log, 0);

    wheel_arm(wheel, &pair.first, 100);
    wheel_arm(wheel, &pair.second, 101);
    wheel_advance(wheel, 5000);
    assert_int_equal(log.n, 1);
    assert_int_equal(pair.second.at_ms, 5001);
    wheel_advance(wheel, 5001);
    assert_int_equal(log.n, 2);
    wheel_destroy(wheel);
}

static void
next_is_at_most_a_second_ahead(void **state)
{
    struct wheel_timer timer = { .fire = log_fire };
    struct log log;
    struct wheel *wheel = create(&log, 0);

    assert_int_equal(wheel_next_ms(wheel), INT64_MAX);
    wheel_arm(wheel, &timer, 10 * HOUR_MS);
    assert_int_equal(wheel_next_ms(wheel), 1000);
    wheel_arm(wheel, &timer, INT64_MAX);
    assert_int_equal(wheel_next_ms(wheel), 1000);
    wheel_arm(wheel, &timer, 1);
    assert_int_equal(wheel_next_ms(wheel), 1);
    wheel_destroy(wheel);
}

/* A loop that sleeps until wheel_next_ms() fires a timer exactly on time, and
 * wakes up in vain but once for each level and second. */
static void
following_next_arrives_on_time(void **state)
{
    for (int64_t delay_ms = 1; delay_ms < 10000; delay_ms += 7) {
        struct wheel_timer timer = { .fire = log_fire };
        struct log log;
        int64_t start_ms = 777777, now_ms = start_ms;
        struct wheel *wheel = create(&log, start_ms);
        int n_wakeups = 0;

        wheel_arm(wheel, &timer, start_ms + delay_ms);
        while (!log.n) {
            assert_true(wheel_next_ms(wheel) > now_ms);
            now_ms = wheel_next_ms(wheel);
            wheel_advance(wheel, now_ms);
            n_wakeups++;
        }
        assert_int_equal(now_ms, start_ms + delay_ms);
        assert_in_range(n_wakeups, 1, 4 + delay_ms / 1000);
        wheel_destroy(wheel);
    }
}

/* Random operations on the wheel and on a model that is a plain array. */

#define N_MODEL 200
#define SEED    UINT64_C(20261124)

struct model_timer {
    struct wheel_timer timer;
    size_t index;               /* In model.timers. */
};

struct model {
    struct wheel *wheel;
    int64_t now_ms;             /* Of the advance under way, or the last. */
    int64_t last_due_ms;        /* Of the timer fired last, this advance. */
    bool advancing;
    uint64_t random, n_fired;
    struct {
        struct model_timer *t;  /* Owned. */
        bool armed;
        bool held;              /* Armed for 'now_ms' while advancing. */
        int64_t due_ms;
    } timers[N_MODEL];
};

static uint64_t
model_random(struct model *m, uint64_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (m->random >> 11) % n;
}

static int64_t
model_random_delay(struct model *m)
{
    switch (model_random(m, 8)) {
    case 0:
        return -(int64_t) model_random(m, 100);
    case 1:
        return 0;
    case 2:
    case 3:
        return model_random(m, 4);
    case 4:
        return model_random(m, 130);
    case 5:
        return model_random(m, 5000);
    case 6:
        return model_random(m, HOUR_MS);
    default:
        return INT64_C(1) << model_random(m, 45);
    }
}

static void model_fire(struct wheel_timer *, int64_t now_ms, void *);

static void
model_arm(struct model *m, size_t i)
{
    int64_t at_ms = m->now_ms + model_random_delay(m);

    wheel_arm(m->wheel, &m->timers[i].t->timer, at_ms);
    m->timers[i].armed = true;
    m->timers[i].due_ms = at_ms > m->now_ms ? at_ms : m->now_ms;
    m->timers[i].held = m->advancing && at_ms <= m->now_ms;
}

static void
model_cancel(struct model *m, size_t i)
{
    wheel_cancel(&m->timers[i].t->timer);
    m->timers[i].armed = false;
}

/* The timer's memory goes away and comes back elsewhere. */
static void
model_replace(struct model *m, size_t i)
{
    if (m->timers[i].t) {
        model_cancel(m, i);
        free(m->timers[i].t);
    }
    m->timers[i].t = fh_xcalloc(1, sizeof *m->timers[i].t);
    m->timers[i].t->index = i;
    m->timers[i].t->timer.fire = model_fire;
}

static void
model_operate(struct model *m)
{
    size_t i = model_random(m, N_MODEL);

    switch (model_random(m, 5)) {
    case 0:
        model_cancel(m, i);
        break;
    case 1:
        model_replace(m, i);
        break;
    default:
        model_arm(m, i);
        break;
    }
}

static void
model_fire(struct wheel_timer *timer, int64_t now_ms, void *m_)
{
    struct model *m = m_;
    size_t i = ((struct model_timer *) (void *) timer)->index;
    int64_t due_ms = m->timers[i].due_ms;

    assert_ptr_equal(&m->timers[i].t->timer, timer);
    assert_true(m->timers[i].armed);
    assert_false(m->timers[i].held);
    assert_int_equal(now_ms, m->now_ms);
    assert_true(due_ms <= now_ms);
    assert_true(due_ms >= m->last_due_ms);
    m->last_due_ms = due_ms;
    m->timers[i].armed = false;
    m->n_fired++;

    if (model_random(m, 2)) {
        model_arm(m, i);
    }
    for (uint64_t n = model_random(m, 4); n > 0; n--) {
        model_operate(m);
    }
}

/* Holds the wheel's answers against the model's. */
static void
model_check(struct model *m)
{
    int64_t earliest_ms = INT64_MAX;
    size_t n_armed = 0;

    for (size_t i = 0; i < N_MODEL; i++) {
        assert_int_equal(wheel_is_armed(&m->timers[i].t->timer),
                         m->timers[i].armed);
        if (m->timers[i].armed) {
            n_armed++;
            if (m->timers[i].due_ms < earliest_ms) {
                earliest_ms = m->timers[i].due_ms;
            }
        }
    }
    assert_int_equal(wheel_armed(m->wheel), n_armed);
    if (n_armed) {
        assert_true(wheel_next_ms(m->wheel) <= earliest_ms);
        assert_true(wheel_next_ms(m->wheel) >= m->now_ms);
        assert_true(wheel_next_ms(m->wheel) <= m->now_ms + 1000);
    } else {
        assert_int_equal(wheel_next_ms(m->wheel), INT64_MAX);
    }
}

static void
model_advance(struct model *m)
{
    int64_t delay_ms = model_random_delay(m);

    m->now_ms += delay_ms > 0 ? delay_ms : 0;
    m->last_due_ms = INT64_MIN;
    m->advancing = true;
    wheel_advance(m->wheel, m->now_ms);
    m->advancing = false;
    for (size_t i = 0; i < N_MODEL; i++) {
        /* Nothing due has been left out. */
        assert_true(!m->timers[i].armed || m->timers[i].held
                    || m->timers[i].due_ms > m->now_ms);
        m->timers[i].held = false;
    }
}

static void
random_operations_agree_with_a_naive_model(void **state)
{
    struct model m = { .random = SEED, .now_ms = 1000000 };

    print_message("seed %" PRIu64 "\n", SEED);
    m.wheel = wheel_create(m.now_ms, &m);
    for (size_t i = 0; i < N_MODEL; i++) {
        model_replace(&m, i);
    }
    for (int round = 0; round < 20000; round++) {
        for (uint64_t n = model_random(&m, 12); n > 0; n--) {
            model_operate(&m);
        }
        model_check(&m);
        model_advance(&m);
        model_check(&m);
    }
    assert_true(m.n_fired > 20000);

    for (size_t i = 0; i < N_MODEL; i++) {
        model_cancel(&m, i);
        free(m.timers[i].t);
    }
    assert_int_equal(wheel_armed(m.wheel), 0);
    wheel_destroy(m.wheel);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timer_fires_at_its_time_and_not_before),
        cmocka_unit_test(timers_passed_by_one_jump_fire_in_order),
        cmocka_unit_test(
            timer_for_the_present_or_past_fires_though_time_stands_still),
        cmocka_unit_test(time_that_goes_back_counts_as_standing_still),
        cmocka_unit_test(cancelled_timer_does_not_fire),
        cmocka_unit_test(rearmed_timer_fires_once_at_the_new_time),
        cmocka_unit_test(
            timer_that_rearms_itself_for_now_fires_once_in_each_advance),
        cmocka_unit_test(
            fire_may_free_an_object_with_another_timer_due_in_the_same_slot),
        cmocka_unit_test(
            timer_put_off_by_an_earlier_one_does_not_fire_in_this_advance),
        cmocka_unit_test(next_is_at_most_a_second_ahead),
        cmocka_unit_test(following_next_arrives_on_time),
        cmocka_unit_test(random_operations_agree_with_a_naive_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
