#include "scheduling/room.hpp"

#include <algorithm>
#include <utility>

namespace baton {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration count_lasts = 1s;
constexpr core::Duration refusal_lasts = 100ms;  // and no time at all for a run that has its turn

std::uint32_t left(std::uint32_t most, std::uint32_t taken) { return most > taken ? most - taken : 0; }

}  // namespace

Room::Room(Runtime& runtime, Store& store) : runtime_(runtime), store_(store), counted_now_(runtime.event()) {}

awaitable<Room::Allowance> Room::allowance(const core::Run& run, std::uint32_t waiting_max) {
  const auto& record = run.record();
  const auto key = run.definition().key;
  const auto own = run.count(core::State::pending) + run.count(core::State::waiting_for_resources);
  const auto allowed = [&] {
    const auto others = left(in_line(key.user), record.no_room_since && !record.has_turn ? 1 : 0);
    return Allowance{.room = left(waiting_max, own + jobs_of_others(key)), .yields = others > 0 && !record.has_turn};
  };
  const auto before = allowed();
  const bool refused = own < waiting_max && (before.room == 0 || before.yields);
  const auto age = counted_once_ ? runtime_.steady() - counted_ : core::Duration::max();
  const auto lasts = !refused          ? core::Duration(count_lasts)
                     : record.has_turn ? core::Duration::zero()
                                       : core::Duration(refusal_lasts);
  if (!counting_ && age >= lasts) co_await count_anew();
  // Later, the last count holds while another coroutine counts, or the store is away; the first one is waited for.
  while (counting_ && !counted_once_) co_await counted_now_->wait();
  const auto allowance = allowed();
  // Passes that are under way together do not take the same room.
  const auto taken = allowance.yields ? 0 : std::min<std::size_t>(run.ready().size(), allowance.room);
  runs_[key] = {.jobs = own + static_cast<std::uint32_t>(taken), .change = ++changes_};
  co_return allowance;
}

awaitable<void> Room::count_anew() {
  struct Counting {
    Room& room;
    ~Counting() {
      room.counting_ = false;
      room.counted_now_->notify();
    }
  };
  counting_ = true;
  const Counting until_left{*this};
  counted_ = runtime_.steady();
  const auto before = changes_;
  auto crowd = co_await store_.crowd();
  if (!crowd) co_return;
  counted_once_ = true;
  // What we changed while the store counted may be in its count, or not: ours is right.
  std::erase_if(runs_, [before](const auto& entry) { return entry.second.change <= before; });
  for (auto& [run, jobs] : crowd->runs) runs_.try_emplace(std::move(run), Known{.jobs = jobs});
  in_line_ = std::move(crowd->in_line);
}

std::uint32_t Room::jobs_of_others(const core::RunKey& run) const {
  std::uint32_t jobs = 0;
  for (auto at = runs_.lower_bound({run.user, {}, {}}); at != runs_.end() && at->first.user == run.user; ++at)
    if (at->first != run) jobs += at->second.jobs;
  return jobs;
}

std::uint32_t Room::in_line(UserId user) const {
  const auto found = in_line_.find(user);
  return found == in_line_.end() ? 0 : found->second;
}

bool Room::committed(const core::Run& run, const core::Decision& decision) {
  constexpr core::StateSet waiting{core::State::pending, core::State::waiting_for_resources};
  const auto& key = run.definition().key;
  const auto jobs_before = run.count(core::State::pending) + run.count(core::State::waiting_for_resources);
  auto jobs = jobs_before;
  for (const auto& task : decision.tasks) {
    if (waiting.has(run.task(task.task).state)) --jobs;
    if (waiting.has(task.state)) ++jobs;
  }
  runs_[key] = {.jobs = jobs, .change = ++changes_};
  const bool stood = run.record().no_room_since && !run.record().has_turn, stands = decision.no_room_since.has_value();
  if (stood != stands) {
    auto& line = in_line_[key.user];
    line = stands ? line + 1 : left(line, 1);
  }
  return jobs < jobs_before;
}

awaitable<std::vector<core::RunKey>> Room::turns(UserId user, std::uint32_t waiting_max) {
  std::vector<core::RunKey> given;
  auto turns = co_await store_.give_turns(user, waiting_max);
  if (!turns) co_return given;  // the manager gives them, or their wake_at brings them
  given = std::move(*turns);
  auto& line = in_line_[user];
  line = left(line, static_cast<std::uint32_t>(given.size()));
  co_return given;
}

}  // namespace baton
