/* The verbs that the engine is given.  See wire.h. */
#include <config.h>

#include "controller/bridge/wire.h"

#include "controller/bridge/bridge.h"
#include "controller/bridge/sender.h"

const struct wire_ops bridge_wire = {
    .bridge_set_owner = bridge_set_owner,
    .bridge_destroy = bridge_destroy,
    .bridge_changes = bridge_changes,
    .bridge_await = bridge_await,
    .bridge_commit = bridge_commit,
    .bridge_read = bridge_read,
    .bridge_read_again = bridge_read_again,
    .bridge_drop = bridge_drop,
    .bridge_is_busy = bridge_is_busy,
    .bridge_serves = bridge_serves,
    .bridge_version_name = bridge_version_name,
    .bridge_ports = bridge_ports,
    .sender_create = sender_create,
    .sender_destroy = sender_destroy,
    .sender_set_bridge = sender_set_bridge,
    .sender_put_frame = sender_put_frame,
    .sender_put_change = sender_put_change,
    .sender_put_renewal = sender_put_renewal,
    .sender_put_meters = sender_put_meters,
    .sender_ask_meters = sender_ask_meters,
    .sender_arp = sender_arp,
    .sender_many = sender_many,
    .sender_flush = sender_flush,
    .sender_cover = sender_cover,
    .sender_probe = sender_probe,
    .sender_has_probe_budget = sender_has_probe_budget,
    .sender_fence_done = sender_fence_done,
    .sender_fence_sent_us = sender_fence_sent_us,
    .sender_echo_reply = sender_echo_reply,
    .sender_read_meter = sender_read_meter,
    .sender_read_punts = sender_read_punts,
    .sender_reading_done = sender_reading_done,
    .sender_is_reading = sender_is_reading,
    .sender_meter_error = sender_meter_error,
    .sender_forget = sender_forget,
};
