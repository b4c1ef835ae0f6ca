#include "cli/work.hpp"

#include <utility>

namespace baton::cli {

std::string told(const Holder& holder) {
  if (holder.pid == 0) return "another baton";
  return "pid " + std::to_string(holder.pid) + (holder.project.empty() ? "" : ", at work on " + printable_name(holder.project));
}

Result<std::unique_ptr<Workplace>> take_workplace(const Session& session) {
  auto resources = resources_from(session.options.resources);
  if (!resources) return fail(resources.error());
  auto place = session.house.work({.dir = session.places.state,
                                   .out = session.places.out,
                                   .project = session.places.project.value(),
                                   .jobs = session.options.jobs,
                                   .resources = std::move(*resources)});
  if (place) {
    const auto note = (*place)->note();
    if (!note.empty()) session.terminal.talk("note: " + printable(note) + "\n");
    return place;
  }
  if (place.error().code != "state.held") return place;
  const auto holder = session.house.holder(session.places.state).value_or(Holder{});
  return fail({.code = "state.held",
               .what = "the state directory is held by " + told(holder) + "; nothing was started",
               .where = session.places.state,
               .way_out = "wait for it, stop it with `baton cancel`, or give this run a directory of its own with --state"});
}

}  // namespace baton::cli
