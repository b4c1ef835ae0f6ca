/// The events of one run, through the death of connections and servers.
#pragma once

#include <deque>
#include <string>

#include "client/event_stream.hpp"
#include "client/remote.hpp"

namespace baton::client {

/// An event as the news that it brings; an event of a later version brings none. Errors: server.bad_answer.
[[nodiscard]] Result<Server::News> news_of(const StreamEvent& event);

class RemoteWatch final : public Server::Watch {
 public:
  RemoteWatch(Runtime& runtime, boost::asio::any_io_executor executor, RemoteOptions options, Patience patience,
              std::string target);

  awaitable<Result<Server::News>> next() override;
  void close() override;

 private:
  awaitable<Result<void>> connect();
  awaitable<Result<void>> read();
  awaitable<Result<void>> pause(Error why);

  Runtime& runtime_;
  RemoteOptions options_;
  Patience patience_;
  std::string target_;
  Http http_;
  EventStream stream_;
  std::deque<StreamEvent> events_;
  std::unique_ptr<Event> closing_;
  bool connected_ = false, closed_ = false;
};

}  // namespace baton::client
