#ifndef STANDIN_DATAFORMATS_TRACKERRECHIT2D_INTERFACE_SIPIXELRECHIT_H
#define STANDIN_DATAFORMATS_TRACKERRECHIT2D_INTERFACE_SIPIXELRECHIT_H

#include "DataFormats/GeometryVector/interface/GlobalPoint.h"
#include "DataFormats/TrackingRecHit/interface/TrackingRecHit.h"

// A place on a module, and which cluster of the event it was made of.
class SiPixelRecHit : public TrackingRecHit {
public:
  class ClusterRef {
  public:
    explicit ClusterRef(unsigned key) : key_(key) {}
    unsigned key() const { return key_; }

  private:
    unsigned key_;
  };

  SiPixelRecHit(const LocalPoint& place, unsigned cluster) : place_(place), cluster_(cluster) {}
  LocalPoint localPosition() const { return place_; }
  ClusterRef cluster() const { return cluster_; }

private:
  LocalPoint place_;
  ClusterRef cluster_;
};

#endif
