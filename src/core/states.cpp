#include "core/states.hpp"

#include "core/mutants.hpp"
#include "core/result.hpp"

namespace baton::core {

namespace {

struct Row {
  StateSet covers;
  State result;
};

// C§1.3. The first row that covers all states of the tasks gives the state of the run; a single state never comes here.
constexpr Row rows[] = {
    {{State::published, State::not_started}, State::published},
    {{State::published, State::not_started, State::waiting_for_cluster}, State::waiting_for_cluster},
    {{State::published, State::not_started, State::waiting_for_resources}, State::waiting_for_resources},
    {{State::pending, State::published, State::not_started}, State::pending},
    {{State::success, State::aborted}, State::aborted},
    {{State::success, State::aborted, State::not_started}, State::not_started},
    {{State::aborted, State::failed, State::success}, State::failed},
    {{State::aborted, State::failed, State::success, State::not_started}, State::not_started},
    {{State::aborted, State::failed, State::success, State::started, State::published, State::pending, State::not_started,
      State::waiting_for_cluster, State::waiting_for_resources},
     State::started},
};

struct Name {
  State state;
  std::string_view text;
  std::string_view db;
};
constexpr Name names[] = {
    {State::unknown, "UNKNOWN", "UNKNOWN"},
    {State::not_started, "NOT_STARTED", "NOT_STARTED"},
    {State::published, "PUBLISHED", "PUBLISHED"},
    {State::pending, "PENDING", "PENDING"},
    {State::waiting_for_cluster, "WAITING_FOR_CLUSTER", "WAITING_FOR_CLUSTER"},
    {State::waiting_for_resources, "WAITING_FOR_RESOURCES", "WAITING_FOR_RESOURCES"},
    {State::started, "STARTED", "RUNNING"},
    {State::success, "SUCCESS", "SUCCESS"},
    {State::failed, "FAILED", "FAILED"},
    {State::aborted, "ABORTED", "ABORTED"},
};
static_assert(std::size(names) == state_count);

const Name& name_of(State state) {
  const auto index = static_cast<std::size_t>(state);
  BATON_ASSERT(index < std::size(names) && names[index].state == state);
  return names[index];
}

}  // namespace

State aggregate(StateSet tasks) {
  for (const auto& name : names) {
    if (tasks == StateSet(name.state)) return name.state;
  }
  if (tasks.empty()) return State::unknown;
  for (const auto& row : rows) {
    if (mutant(Mutant::mix_leaves) && row.result == State::started) break;
    if (tasks.within(row.covers)) return row.result;
  }
  return State::unknown;
}

std::string_view to_text(State state) { return name_of(state).text; }
std::string_view to_db(State state) { return name_of(state).db; }

std::optional<State> state_from(std::string_view text) {
  for (const auto& name : names) {
    if (text == name.db || text == name.text) return name.state;
  }
  return std::nullopt;
}

}  // namespace baton::core
