/// A `baton serve`, or several, as a Server (docs/api.md).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "client/address.hpp"
#include "client/http.hpp"
#include "client/patience.hpp"
#include "ports/server.hpp"

namespace baton::client {

inline constexpr core::Duration trouble_after = std::chrono::seconds(1);

struct RemoteOptions {
  std::vector<Address> servers;                     ///< at least one
  std::function<std::string()> token = find_token;  ///< asked at each try: the first server makes it while we wait
  UserId user;
  /// Called once each time that nobody has answered for longer than `trouble_after`.
  std::function<void(const Error&)> trouble;
  HttpLimits http;
  Patience::Limits patience;
};

/// Its calls must not overlap; those of its watches may, beside them.
class Remote final : public Server {
 public:
  Remote(Runtime& runtime, boost::asio::any_io_executor executor, RemoteOptions options);

  awaitable<Result<void>> put_project(Upload project) override;
  awaitable<Result<Begun>> start(Start wanted) override;
  awaitable<Result<void>> stop(core::RunKey run, bool kill) override;
  awaitable<Result<std::string>> plan(Start wanted) override;
  awaitable<Result<std::string>> why(ProjectId project, std::vector<std::string> nodes) override;
  awaitable<Result<LogPart>> log(core::RunKey run, NodeId node, std::int32_t attempt, std::uint64_t from) override;
  std::unique_ptr<Watch> watch(core::RunKey run) override;
  awaitable<Result<std::vector<RunView>>> held() override;
  awaitable<Result<void>> release_held(core::RunKey run) override;

  awaitable<Result<std::vector<RunView>>> runs(ProjectId project, std::size_t max) override;
  awaitable<Result<RunView>> run(core::RunKey run) override;
  awaitable<Result<std::vector<TaskView>>> tasks(core::RunKey run, Fence since) override;
  awaitable<Result<std::vector<core::AttemptRecord>>> attempts(core::RunKey run, std::optional<NodeId> node) override;
  awaitable<Result<std::vector<NodeView>>> nodes(ProjectId project) override;

 private:
  awaitable<Result<Answer>> ask(Call call);
  awaitable<Result<nlohmann::json>> ask_json(Call call);
  awaitable<Result<void>> post(std::string target, nlohmann::json body);
  [[nodiscard]] std::string target_of(const core::RunKey& run, std::string_view what) const;
  [[nodiscard]] std::string target_of(const ProjectId& project, std::string_view what) const;

  Runtime& runtime_;
  boost::asio::any_io_executor executor_;
  RemoteOptions options_;
  Patience patience_;
  Http http_;
};

}  // namespace baton::client
