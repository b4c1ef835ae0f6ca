/// Planning and starting a run: what the command line and the API do alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plan.hpp"
#include "ports/files.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"
#include "scheduling/wakeups.hpp"

namespace baton {

/// What becomes of an unfinished run of the project that asked for something else.
enum class Unfinished : std::uint8_t {
  stop,   ///< it is cancelled first and waited for: one person at one state directory
  refuse  ///< run.unfinished: it may be another's
};
/// What a user asks for.
struct Request {
  core::Project project;
  UserId user;
  ProjectId id;
  core::Selection selection;
  bool keep_going = false;
  bool simulated = false;
  std::string collection;  ///< see NewRun: the same request, sent again, joins the run that it began
  std::string metadata;    ///< see NewRun
  Unfinished unfinished = Unfinished::stop;
  /// Absolute: where outputs are to be. One that was published elsewhere counts as missing. Empty: they are where they are.
  std::string out;
};
/// What the place of execution can do. A task that it can never run is bad input.
struct Host {
  core::Resources capacity;  ///< a name that is not here is unlimited
  bool images = false;       ///< runs container images
};

struct Planned {
  core::Facts facts;
  core::Plan plan;
  std::string digest;  ///< of the request: definitions, values, file contents, selection; not of what was done before
  std::vector<Restamped> restamped;  ///< successes whose files were read again, and are as they were: see Store::restamp
};
/// Reads what is known of the project and its files, and plans; writes nothing.
/// Errors: input.missing and the like, with the step that reads it; store errors.
awaitable<Result<Planned>> plan_request(Store& store, Files& files, const Request& request);

struct Started {
  std::optional<core::RunKey> run;        ///< none: nothing has to run
  bool resumed = false;                   ///< it was begun before, and goes on
  std::optional<core::RunKey> cancelled;  ///< an unfinished run of another request, which was stopped first
  Planned planned;
};
/// Starts the run that the request needs, or goes on with the one of its collection, or with the unfinished one that asked for the same. To
/// stop another one a worker must be serving. Errors: as plan_request; input.resources, input.image (naming the node); run.unfinished.
awaitable<Result<Started>> start_run(Runtime& runtime, Store& store, Files& files, Wakeups& wakeups, Request request, Host host);

}  // namespace baton
