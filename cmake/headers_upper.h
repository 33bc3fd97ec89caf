#pragma once
// What most files of the upper layers (road and above) read besides.

#include "api/router.h"
#include "headers.h"
#include "http/server.h"
#include "road/road.h"
#include "session/manager.h"
#include "store/memory/memory_store.h"
