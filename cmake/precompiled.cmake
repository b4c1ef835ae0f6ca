# Sanitized trees compile the headers from outside that most files see once, which halves their build.
# The release tree has no such header: there each file shows that it includes what it uses.
#   baton_precompile(target [NEEDS library… HEADERS <header>…])   NEEDS, HEADERS: further ones; targets that have the same share one
function(baton_precompile target)
  if(NOT BATON_SANITIZE)
    return()
  endif()
  cmake_parse_arguments(MORE "" "" "NEEDS;HEADERS" ${ARGN})
  string(MAKE_C_IDENTIFIER "baton_precompiled_${MORE_NEEDS}" shared)
  if(NOT TARGET ${shared})
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/generated/${shared}.cpp CONTENT "// Only there to have its header compiled.\n")
    add_library(${shared} OBJECT ${CMAKE_BINARY_DIR}/generated/${shared}.cpp)
    target_link_libraries(${shared} PRIVATE baton_options Boost::headers nlohmann_json::nlohmann_json ${MORE_NEEDS})
    target_compile_options(${shared} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # so that ccache knows it again
    target_precompile_headers(${shared} PRIVATE
      <algorithm> <array> <chrono> <deque> <filesystem> <fstream> <functional> <map> <memory> <optional> <set> <span> <string>
      <string_view> <utility> <variant> <vector>
      <boost/asio/any_io_executor.hpp> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp>
      <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp>
      <nlohmann/json.hpp> ${MORE_HEADERS})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${shared})
endfunction()

# For what a sanitized tree runs millions of times: its optimization, and with it no precompiled header, which has none.
function(baton_optimize target)
  target_compile_options(${target} PRIVATE -O1)
  set_target_properties(${target} PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)
endfunction()
