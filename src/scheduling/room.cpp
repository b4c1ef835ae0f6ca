#include "scheduling/room.hpp"

#include <algorithm>
#include <utility>

namespace baton {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration count_lasts = 1s;
constexpr core::Duration refusal_lasts = 100ms;  // a turn must not be lost to an old count

std::uint32_t left(std::uint32_t most, std::uint32_t taken) { return most > taken ? most - taken : 0; }

}  // namespace

Room::Room(Runtime& runtime, Store& store) : runtime_(runtime), store_(store) {}

awaitable<Room::Allowance> Room::allowance(const core::Run& run, std::uint32_t waiting_max) {
  const auto key = run.definition().key;
  const auto own = run.count(core::State::pending) + run.count(core::State::waiting_for_resources);
  const auto age = [this] { return counted_once_ ? runtime_.steady() - counted_ : core::Duration::max(); };
  const bool refused = own < waiting_max && own + jobs_of_others(key) >= waiting_max;
  // While another coroutine counts, or the store is away, the last count holds.
  if (!counting_ && age() >= (refused ? refusal_lasts : count_lasts)) co_await count_anew();
  Allowance allowance{.room = left(waiting_max, own + jobs_of_others(key)), .share = core::Policy().share};
  const auto others = others_without_room(key, run.record().no_room_since.has_value());
  if (others > 0) allowance.share = std::max(1U, waiting_max / (others + 1));
  co_return allowance;
}

awaitable<void> Room::count_anew() {
  counting_ = true;
  counted_ = runtime_.steady();
  const auto before = commits_;
  auto crowd = co_await store_.crowd();
  counting_ = false;
  if (!crowd) co_return;
  counted_once_ = true;
  // What we committed while the store counted may be in its count, or not: ours is right.
  std::erase_if(runs_, [before](const auto& entry) { return entry.second.commit <= before; });
  for (auto& [run, jobs] : crowd->runs) runs_.try_emplace(std::move(run), Known{.jobs = jobs});
  runs_without_room_ = std::move(crowd->runs_without_room);
}

std::uint32_t Room::jobs_of_others(const core::RunKey& run) const {
  std::uint32_t jobs = 0;
  for (auto at = runs_.lower_bound({run.user, {}, {}}); at != runs_.end() && at->first.user == run.user; ++at)
    if (at->first != run) jobs += at->second.jobs;
  return jobs;
}

std::uint32_t Room::others_without_room(const core::RunKey& run, bool waits_for_room) const {
  const auto found = runs_without_room_.find(run.user);
  return found == runs_without_room_.end() ? 0 : left(found->second, waits_for_room ? 1 : 0);
}

void Room::committed(const core::Run& run, const core::Decision& decision) {
  const auto& key = run.definition().key;
  auto jobs = run.count(core::State::pending);
  for (const auto& task : decision.tasks) {
    if (run.task(task.task).state == core::State::pending) --jobs;
    if (task.state == core::State::pending) ++jobs;
  }
  runs_[key] = {.jobs = jobs, .commit = ++commits_};
  const bool waited = run.record().no_room_since.has_value(), waits = decision.no_room_since.has_value();
  if (waits == waited) return;
  auto& without_room = runs_without_room_[key.user];
  without_room = waits ? without_room + 1 : left(without_room, 1);
}

awaitable<std::vector<core::RunKey>> Room::turns(core::RunKey run, bool waits_for_room, std::uint32_t waiting_max) {
  std::vector<core::RunKey> given;
  const auto self = runs_.find(run);
  const auto room = left(waiting_max, jobs_of_others(run) + (self == runs_.end() ? 0 : self->second.jobs));
  if (room == 0 || others_without_room(run, waits_for_room) == 0) co_return given;
  auto& without_room = runs_without_room_[run.user];
  without_room = left(without_room, room);  // no other pass of ours gives the same turns
  auto turns = co_await store_.give_turns(run.user, room);
  if (turns) given = std::move(*turns);  // else their wake_at brings them
  co_return given;
}

}  // namespace baton
