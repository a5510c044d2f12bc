/* The verbs that the engine is given: see base/wire.h. */
#ifndef BRIDGE_WIRE_H
#define BRIDGE_WIRE_H 1

#include "controller/base/wire.h"

extern const struct wire_ops bridge_wire;

#endif /* controller/bridge/wire.h */
