/// Why nodes run, wait, or do not run: what the command line and the API answer alike.
#pragma once

#include <vector>

#include "core/explain.hpp"
#include "scheduling/start.hpp"

namespace baton {

/// Of each of `nodes` (of the request's project), in this order: what its run says of it, while one is unfinished; else what a plan of the
/// whole project says, and what went wrong last. `now`: for how long it has waited. Nothing is written. Errors: as plan_request.
awaitable<Result<std::vector<core::Explained>>> explain_nodes(Store& store, Files& files, const Request& request,
                                                              std::vector<Index> nodes, core::Instant now);

}  // namespace baton
