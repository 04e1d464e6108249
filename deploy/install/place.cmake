# SPDX-License-Identifier: MIT
# place(FILE DESTINATION COMPONENT [CONFIGURATION]): installs FILE below the prefix of the installation, which
# `cmake --install --prefix` may set long after everything was configured, with that prefix in the paths that it names.
# A DESTINATION of SYSCONF is the directory of configurations, etc/stir-cps. CONFIGURATION: a file that is there already
# and was edited stays as it is.
function(place file destination component)
  get_filename_component(source ${file} ABSOLUTE)
  install(CODE "
    set(source \"${source}\")
    set(destination \"${destination}\")
    set(kind \"${ARGV3}\")
    set(sbindir \"${CMAKE_INSTALL_SBINDIR}\")
    set(sysconfdir \"${CMAKE_INSTALL_SYSCONFDIR}\")
    set(placed \"${PROJECT_BINARY_DIR}/placed\")
    include(\"${PROJECT_SOURCE_DIR}/deploy/install/place_file.cmake\")" COMPONENT ${component})
endfunction()

add_custom_target(uninstall VERBATIM
  COMMAND ${CMAKE_COMMAND} -D manifest=${PROJECT_BINARY_DIR}/install_manifest.txt -D placed=${PROJECT_BINARY_DIR}/placed
          -P ${PROJECT_SOURCE_DIR}/deploy/install/uninstall.cmake)
