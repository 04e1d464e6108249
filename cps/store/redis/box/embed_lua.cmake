# SPDX-License-Identifier: MIT
# Makes one C file of the Lua scripts in lua/, at build time and for tests/check-lua.sh:
#
#     cmake -D LUA_DIR=lua -D LAYOUT=layout.h -D OUT=script_texts.c [-D OUT_DIR=DIRECTORY] -P embed_lua.cmake
#
# Each lua/NAME.lua that is not a part_*.lua becomes the text of the script CPSD_REDIS_NAME. A line
# "-- include: part_X.lua" is replaced by that file. Comment lines and blank lines are left out, so they cost Redis
# nothing. A name BOX_... is replaced by its value in layout.h, which has to be a number or a character in one line of
# the form "BOX_NAME = VALUE,". With OUT_DIR, each whole script is also written to OUT_DIR/NAME.lua.
cmake_minimum_required(VERSION 3.25)

# Reads a file without comment lines and blank lines; lines with an include stay.
function(read_lua out file)
  file(READ ${file} text)
  string(REGEX REPLACE "\n+" "\n" text "\n${text}")
  string(REGEX REPLACE "\n *-- include: ([a-z_]+\\.lua)" "\n@include \\1" text "${text}")
  string(REGEX REPLACE "\n *--[^\n]*" "" text "${text}")
  string(REGEX REPLACE "^\n" "" text "${text}")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

file(READ ${LAYOUT} layout)
string(REGEX MATCHALL "BOX_[A-Z_]+ = (-?[0-9]+|'.')," rows "${layout}")

file(GLOB files ${LUA_DIR}/*.lua)
list(SORT files)
set(source "/* Made from the .lua files by embed_lua.cmake: do not edit. */\n#include \"cps/store/redis/box/script.h\"\n\n")
string(APPEND source "const char *const cpsd_redis_script_texts[CPSD_REDIS_SCRIPTS] = {\n")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  if(name MATCHES "^part_")
    continue()
  endif()
  read_lua(text ${file})
  while(text MATCHES "@include ([a-z_]+\\.lua)\n")
    set(part_name ${CMAKE_MATCH_1})
    read_lua(part ${LUA_DIR}/${part_name})
    string(REPLACE "@include ${part_name}\n" "${part}" text "${text}")
  endwhile()
  foreach(row ${rows})
    string(REGEX MATCH "(BOX_[A-Z_]+) = (.*)," row "${row}")
    string(REGEX REPLACE "${CMAKE_MATCH_1}([^A-Z_])" "${CMAKE_MATCH_2}\\1" text "${text}")
  endforeach()
  if(text MATCHES "BOX_[A-Z_]+|@include[^\n]*")
    message(FATAL_ERROR "${file}: ${CMAKE_MATCH_0} is not defined in ${LAYOUT}")
  endif()
  if(DEFINED OUT_DIR)
    file(WRITE ${OUT_DIR}/${name}.lua "${text}")
  endif()
  # as a C string of one line for each line of the script
  string(TOUPPER ${name} upper)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REGEX REPLACE "([^\n]*)\n" "        \"\\1\\\\n\"\n" text "${text}")
  string(APPEND source "    [CPSD_REDIS_${upper}] =\n${text}        ,\n")
endforeach()
file(WRITE ${OUT} "${source}};\n")
