/// Reading what a client gave, member by member; the first thing that is wrong is the error.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.hpp"
#include "core/ids.hpp"

namespace baton::api {

/// A JSON object in a body. Members that are null count as not there. Each reader notes the first thing that is wrong (api.invalid,
/// `where` = the member) and gives a default then: ask error() before anything is done with what was read.
class Body {
 public:
  /// Errors (in error()): api.content_type, api.not_json, api.invalid.
  explicit Body(const Call& call);

  [[nodiscard]] std::string text(const char* name, bool needed = false);
  [[nodiscard]] bool flag(const char* name);
  [[nodiscard]] std::optional<std::int64_t> number(const char* name);
  [[nodiscard]] std::vector<std::string> texts(const char* name);
  [[nodiscard]] std::map<std::string, std::string> values(const char* name);
  [[nodiscard]] UserId user();
  /// A UUID, in lower case; empty where it is not there.
  [[nodiscard]] std::string uuid(const char* name, bool needed = false);
  /// Notes a member that nobody has read, naming the nearest that there is.
  void refuse_others();

  void complain(const char* member, const std::string& what);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] const nlohmann::json& json() const { return json_; }

 private:
  const nlohmann::json* member(const char* name);

  nlohmann::json json_ = nlohmann::json::object();
  std::vector<std::string_view> read_;
  std::optional<Error> error_;
};

/// The same for a query. Errors: api.invalid.
[[nodiscard]] Result<UserId> user_of(const Call& call);
/// None: it is not there.
[[nodiscard]] Result<std::optional<std::int64_t>> number_of(const Call& call, const char* name, std::int64_t min,
                                                            std::int64_t max);
/// The project of the path. Errors: api.invalid (not a UUID).
[[nodiscard]] Result<ProjectId> project_of(const Call& call);

/// A UUID in lower case. None: it is none.
[[nodiscard]] std::optional<std::string> uuid_from(std::string text);

}  // namespace baton::api
