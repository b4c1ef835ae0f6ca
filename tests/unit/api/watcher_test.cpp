#include "api/watcher.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "place.hpp"

namespace baton::api::test {
namespace {

using namespace std::chrono_literals;

struct Event {
  std::string name, id;
  json data;
};

std::vector<Event> events_of(const std::string& text) {
  std::vector<Event> events;
  std::istringstream lines(text);
  Event event;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("event: ")) event.name = line.substr(7);
    if (line.starts_with("id: ")) event.id = line.substr(4);
    if (line.starts_with("data: ")) event.data = json::parse(line.substr(6));
    if (line.empty() && !event.name.empty()) events.push_back(std::exchange(event, {}));
  }
  return events;
}

/// Reads a stream in steps, with a deadline.
class Reader {
 public:
  Reader(House& house, std::shared_ptr<Stream> stream) : house_(house), stream_(std::move(stream)) {}
  /// The next piece that is not a comment; empty: the stream has ended.
  std::vector<Event> next() {
    for (;;) {
      std::shared_ptr<const std::string> text;
      house_.runtime.run(take(*stream_, text));
      if (!text) return {};
      if (!text->starts_with(":")) return events_of(*text);
      if (++comments > comments_max) {
        ADD_FAILURE() << "nothing but comments came";
        return {};
      }
    }
  }
  int comments = 0;

 private:
  static constexpr int comments_max = 500;
  static awaitable<void> take(Stream& stream, std::shared_ptr<const std::string>& into) { into = co_await stream.next(); }
  House& house_;
  std::shared_ptr<Stream> stream_;
};

awaitable<void> write(MemoryStore& store, double progress) {
  std::vector<ProgressWrite> writes{{.run = House::run(), .task = 0, .job = JobId("j"), .progress = progress}};
  co_await store.write_progress(std::move(writes));
}
awaitable<void> leave(Gate& gate) { co_await gate.empty(); }
awaitable<void> pass_time(Runtime& runtime, core::Duration span) { co_await runtime.sleep(span); }
awaitable<void> tell_all(MemoryStore& store) {
  const auto left = co_await store.outbox(core::Duration(0), 10);
  std::vector<MessageId> names;
  for (const auto& message : *left) names.push_back(message.name());
  co_await store.told(std::move(names));
}
awaitable<void> next(Stream& stream, std::shared_ptr<const std::string>& into) { into = co_await stream.next(); }

class Watching : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(house.put(two_steps).status, 200U);
    ASSERT_EQ(house.start().status, 201U);
  }
  Reader open(const std::string& last_seen = {}) {
    auto call = *call_of("GET", House::at("/events?user_id=1"));
    call.last_event_id = last_seen;
    auto answer = house.ask(call);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    EXPECT_EQ(answer.content_type, "text/event-stream");
    return {house, std::move(answer.stream)};
  }
  void becomes(Index which, core::State state, core::State run) {
    house.pass(
        [&](core::TaskRecord& task, core::Instant now) {
          if (task.task != which) return;
          task.state = state;
          task.state_since = now;
          if (core::is_live(state)) task.job = JobId("j");
        },
        run);
    house.watcher.changed(House::run());
  }
  House house;
};

TEST_F(Watching, a_first_reader_gets_the_run_and_all_its_tasks) {
  const auto first = open().next();

  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].name, "run");
  EXPECT_EQ(first[0].id, "") << "the id comes with the last part: who has it has all";
  EXPECT_EQ(first[1].name, "tasks");
  EXPECT_EQ(first[1].data["tasks"].size(), 2U);
  EXPECT_EQ(first[1].id, "1:0");
}

TEST_F(Watching, what_changes_is_told_until_the_end) {
  auto reader = open();
  reader.next();

  becomes(0, core::State::started, core::State::started);
  const auto news = reader.next();
  ASSERT_EQ(news.size(), 2U);
  EXPECT_EQ(news[1].data["tasks"][0]["state"], "STARTED");
  EXPECT_EQ(news[1].id, "1:1");

  becomes(0, core::State::failed, core::State::failed);
  ASSERT_FALSE(reader.next().empty());
  const auto end = reader.next();
  ASSERT_EQ(end.size(), 1U);
  EXPECT_EQ(end[0].name, "end");
  EXPECT_EQ(end[0].data["result"], "FAILED");
  EXPECT_TRUE(reader.next().empty());
}

TEST_F(Watching, who_comes_again_gets_what_changed_since) {
  becomes(0, core::State::pending, core::State::pending);  // pass 1 writes both tasks
  house.pass([](core::TaskRecord&, core::Instant) {}, core::State::pending);

  const auto all = open("9:1").next();
  ASSERT_EQ(all.size(), 2U) << "of another run nothing was seen";
  EXPECT_EQ(all[1].data["tasks"].size(), 2U);
  EXPECT_EQ(open("nonsense").next().size(), 2U);
  EXPECT_EQ(open("1:2").next().at(1).data["tasks"].size(), 2U) << "pass 2 may not have been written when its fence was seen";
  const auto none = open("1:9").next();
  ASSERT_EQ(none.size(), 1U);
  EXPECT_EQ(none[0].name, "run");
  EXPECT_EQ(none[0].id, "1:2");
}

TEST_F(Watching, a_run_that_has_ended_is_told_at_once) {
  becomes(0, core::State::failed, core::State::failed);

  auto reader = open();
  EXPECT_EQ(reader.next().size(), 2U);
  const auto end = reader.next();
  ASSERT_EQ(end.size(), 1U);
  EXPECT_EQ(end[0].name, "end");
  EXPECT_TRUE(reader.next().empty());
}

TEST_F(Watching, without_a_message_the_store_is_asked) {
  WatchOptions options;
  options.look_every = 5ms;
  Watcher watcher(house.runtime, house.store, options);
  auto gate = house.runtime.gate();
  gate->spawn(watcher.serve());
  auto stream = watcher.subscribe(House::run(), Fence::none());
  ASSERT_TRUE(stream);
  Reader reader(house, *stream);
  reader.next();

  becomes(0, core::State::started, core::State::started);  // tells only the other watcher
  EXPECT_EQ(reader.next().at(1).data["tasks"][0]["state"], "STARTED");

  house.runtime.run(write(house.store, 0.5));
  std::vector<Event> news;
  while (news.empty() || news[0].name != "progress") news = reader.next();
  EXPECT_EQ(news[0].data, (json{{"progress", {{"one", 0.5}}}}));
  EXPECT_EQ(news[0].id, "");

  watcher.stop();
  house.runtime.run(leave(*gate));
  EXPECT_TRUE(reader.next().empty());
  EXPECT_EQ(watcher.subscribe(House::run(), Fence::none()).error().code, "api.stopping");
}

TEST_F(Watching, a_run_that_closes_long_after_its_last_change_is_told_to_have_ended) {
  WatchOptions options;
  options.look_every = 2ms;
  options.pass_max = 10ms;
  options.beat_every = 10ms;
  Watcher watcher(house.runtime, house.store, options);
  auto gate = house.runtime.gate();
  gate->spawn(watcher.serve());
  auto stream = watcher.subscribe(House::run(), Fence::none());
  ASSERT_TRUE(stream);
  Reader reader(house, *stream);
  reader.next();
  const core::Announcement news{.what = core::Told::run_result, .state = core::State::failed};
  house.pass([](core::TaskRecord& task, core::Instant) { task.state = core::State::failed; }, core::State::failed, {news});
  std::vector<Event> told;
  while (told.empty() || told[0].data["result"] != "FAILED") told = reader.next();
  ASSERT_EQ(told[0].name, "run");
  house.runtime.run(pass_time(house.runtime, 50ms));  // its last message is not told yet: the run is open

  house.runtime.run(tell_all(house.store));

  told = reader.next();
  ASSERT_FALSE(told.empty()) << "that it closes raises no fence";
  EXPECT_EQ(told[0].data["open"], false);
  EXPECT_EQ(reader.next().at(0).name, "end");
  EXPECT_TRUE(reader.next().empty());
  watcher.stop();
  house.runtime.run(leave(*gate));
}

TEST_F(Watching, a_reader_that_does_not_read_is_dropped) {
  WatchOptions options;
  options.unread_bytes_max = 100;
  options.gather = 1us;
  house.place.watcher.stop();
  Watcher watcher(house.runtime, house.store, options);
  auto slow = watcher.subscribe(House::run(), Fence::none());
  auto quick = watcher.subscribe(House::run(), Fence::none());
  ASSERT_TRUE(slow && quick);
  Reader reader(house, *quick);
  reader.next();

  for (const auto state : {core::State::pending, core::State::started}) {
    house.pass([&](core::TaskRecord& task, core::Instant) { task.state = state; }, state);
    watcher.changed(House::run());
    EXPECT_FALSE(reader.next().empty());
  }

  EXPECT_TRUE(Reader(house, *slow).next().empty());
  EXPECT_EQ(watcher.subscribers(), 2U);
  slow->reset();
  EXPECT_EQ(watcher.subscribers(), 1U);
  watcher.stop();
  house.runtime.run();
}

TEST_F(Watching, there_are_so_many_streams_and_no_more) {
  WatchOptions options;
  options.subscribers_max = 2;
  Watcher watcher(house.runtime, house.store, options);
  std::vector<std::shared_ptr<Stream>> streams;
  for (int i = 0; i < 2; ++i) streams.push_back(*watcher.subscribe(House::run(), Fence::none()));

  EXPECT_EQ(watcher.subscribe(House::run(), Fence::none()).error().code, "api.busy");
  streams.pop_back();
  EXPECT_TRUE(watcher.subscribe(House::run(), Fence::none()));

  watcher.stop();
  house.runtime.run();
}

TEST_F(Watching, silence_is_broken_by_comments) {
  WatchOptions options;
  options.beat_every = 1ms;
  Watcher watcher(house.runtime, house.store, options);
  auto stream = watcher.subscribe(House::run(), Fence::none());
  ASSERT_TRUE(stream);
  Reader reader(house, *stream);
  reader.next();
  while (reader.comments == 0) {
    std::shared_ptr<const std::string> text;
    house.runtime.run(next(**stream, text));
    ASSERT_TRUE(text);
    if (text->starts_with(":")) break;
  }

  watcher.stop();
  house.runtime.run();
}

TEST_F(Watching, a_large_run_comes_in_parts_and_only_the_last_has_the_id) {
  WatchOptions options;
  options.tasks_per_event = 1;
  Watcher watcher(house.runtime, house.store, options);
  auto stream = watcher.subscribe(House::run(), Fence::none());
  ASSERT_TRUE(stream);

  const auto first = Reader(house, *stream).next();

  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(first[1].id, "");
  EXPECT_EQ(first[2].id, "1:0");
  watcher.stop();
  house.runtime.run();
}

}  // namespace
}  // namespace baton::api::test
